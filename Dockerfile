# Two stages: one builds, one runs. The running one is a bare Debian with the binary and ONNX Runtime's library, as user
# 10001, with its data under /data. Training needs git and your Python beside it: build on this image (docs/guides/deploy.md).

FROM rust:1.95-bookworm AS build
COPY --from=node:20-bookworm-slim /usr/local/ /usr/local/
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip
RUN pip install --quiet --no-deps --target /onnxruntime onnxruntime==1.32.0
WORKDIR /source
COPY . .
RUN cd ui && npm ci && npm run build
RUN cargo build --release --locked --package trimtab
RUN mkdir -p /image/usr/local/bin /image/usr/local/lib /image/data
RUN cp target/release/trimtab /image/usr/local/bin/trimtab
RUN cp /onnxruntime/onnxruntime/capi/libonnxruntime.so.* /image/usr/local/lib/libonnxruntime.so

FROM debian:bookworm-slim
COPY --from=build /image/usr/local/ /usr/local/
COPY --from=build --chown=10001:10001 /image/data/ /data/
ENV HOME=/data ORT_DYLIB_PATH=/usr/local/lib/libonnxruntime.so
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=3s CMD ["trimtab", "doctor"]
ENTRYPOINT ["trimtab"]
CMD ["server", "--data-dir", "/data", "--listen", "0.0.0.0:5000"]
