# A thin front over `cargo xtask`, which does the work and says what it does.
.PHONY: setup demo test check ui wheel bench

setup:
	cargo xtask setup

demo:
	cargo xtask demo

test:
	cargo xtask test

check:
	cargo xtask check

ui:
	cargo xtask ui

wheel:
	cargo xtask wheel

bench:
	cargo xtask bench
