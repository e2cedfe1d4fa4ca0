# perfbench with CUDA, LibTorch and NCCL, made by the same two commands as on any machine.
#   docker build -t perfbench .                  docker run --gpus all perfbench --help
#   docker build --target test .                 runs all tests
# NCCL comes with LibTorch's wheel. The drivers of EFA networks are not in this image.
FROM nvidia/cuda:13.0.2-devel-ubuntu24.04 AS build
ENV PERFBENCH_PRESET=cuda DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1
WORKDIR /opt/perfbench
COPY . .
RUN scripts/run.sh --help

FROM build AS test
RUN scripts/test.sh

FROM build AS perfbench
ENTRYPOINT ["/opt/perfbench/build/cuda/perfbench"]
