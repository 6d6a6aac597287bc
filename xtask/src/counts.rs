//! How many tests passed and failed, read from what the test runners print at their end.

use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Counts {
    /// Adds up every closing line of nextest, cargo test, pytest, vitest, node's test runner, and our own.
    pub(crate) fn of(lines: &[String]) -> Self {
        let mut sum = Self::default();
        for line in lines {
            let line = without_colours(line);
            if let Some(counts) = closing_line(line.trim()) {
                sum += counts;
            }
        }
        sum
    }
}

fn closing_line(line: &str) -> Option<Counts> {
    if let Some(rest) = line.strip_prefix("Summary [") {
        // nextest: `Summary [   0.017s] 9/10 tests run: 8 passed, 1 failed, 1 timed out, 0 skipped`
        let (_, rest) = rest.split_once("run: ")?;
        return Some(Counts {
            passed: before(rest, "passed"),
            failed: before(rest, "failed") + before(rest, "timed out") + before(rest, "exec"),
        });
    }
    if let Some(rest) = line.strip_prefix("test result: ") {
        return Some(words(rest));
    }
    if let Some(rest) = line.strip_prefix("Tests ") {
        // vitest: `Tests  1 failed | 12 passed (13)`
        return Some(words(rest));
    }
    for (mark, passed) in [("pass ", true), ("fail ", false)] {
        // node: `# pass 3` or `ℹ pass 3`
        for sign in ["# ", "ℹ "] {
            if let Some(number) = line
                .strip_prefix(sign)
                .and_then(|rest| rest.strip_prefix(mark))
                .and_then(|number| number.parse().ok())
            {
                return Some(if passed {
                    Counts {
                        passed: number,
                        failed: 0,
                    }
                } else {
                    Counts {
                        passed: 0,
                        failed: number,
                    }
                });
            }
        }
    }
    let bare = line.trim_matches('=').trim();
    let is_pytest = bare.contains(" in ")
        && bare.ends_with(['s', ')'])
        && (bare.contains(" passed") || bare.contains(" failed") || bare.contains(" error"));
    let is_ours = bare
        .split(", ")
        .all(|part| part.ends_with(" passed") || part.ends_with(" failed"));
    if (is_pytest || is_ours) && bare.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(words(bare));
    }
    None
}

fn words(text: &str) -> Counts {
    Counts {
        passed: before(text, "passed"),
        failed: before(text, "failed") + before(text, "error"),
    }
}

/// The number before the first such word: 3 for `3 passed`.
fn before(text: &str, word: &str) -> u64 {
    text.match_indices(word)
        .find_map(|(at, _)| {
            text[..at]
                .trim_end()
                .rsplit(|c: char| !c.is_ascii_digit())
                .next()
                .and_then(|number| number.parse().ok())
        })
        .unwrap_or(0)
}

fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            for c in rest.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, passed: u64, failed: u64) {
        assert_eq!(
            Counts::of(&[line.to_owned()]),
            Counts { passed, failed },
            "{line}"
        );
    }

    #[test]
    fn closing_lines_of_every_runner() {
        check(
            "     Summary [   0.017s] 9 tests run: 9 passed, 0 skipped",
            9,
            0,
        );
        check(
            "     Summary [   3.2s] 9/12 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 3 skipped",
            7,
            2,
        );
        check(
            "     Summary [   0.1s] 1 test run: 1 passed, 0 skipped",
            1,
            0,
        );
        check(
            "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            5,
            2,
        );
        check("===== 3 passed, 1 failed, 2 warnings in 0.12s =====", 3, 1);
        check("1 failed, 2 errors in 1.00s", 0, 3);
        check("12 passed in 75.01s (0:01:15)", 12, 0);
        check(
            "\u{1b}[2m      Tests \u{1b}[22m 1 failed | 12 passed (13)",
            12,
            1,
        );
        check("# pass 3", 3, 0);
        check("ℹ fail 2", 0, 2);
        check("4 passed, 1 failed", 4, 1);
    }

    #[test]
    fn other_lines_count_nothing() {
        check("3 files passed the check", 0, 0);
        check("Tests are fun", 0, 0);
        check("running 5 tests", 0, 0);
        check("test a::passed ... ok", 0, 0);
        check("waited 3 seconds in 4s", 0, 0);
    }
}
