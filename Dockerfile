# Command line and service in an image; docker-compose.yml builds and runs it beside Qdrant.
FROM python:3.13.15-slim-trixie AS base

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/longembed
ENV PATH=/opt/longembed/bin:$PATH

# First and by itself: PyPI's torch brings gigabytes of CUDA libraries. For a GPU, give the index of
# https://pytorch.org/get-started/locally that fits its driver.
ARG TORCH=2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --index-url "$TORCH_INDEX" "torch==$TORCH"

# The dependencies before the package, so that a change in it does not install them all again.
COPY pyproject.toml ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *p['optional-dependencies']['serve'], sep='\n')" > requirements.txt \
    && pip install --requirement requirements.txt
COPY README.md LICENSE NOTICE ./
COPY longembed_rag ./longembed_rag
COPY eval/longembed_eval ./eval/longembed_eval
RUN pip install --no-deps .

FROM base
# An id of its own for those whose documents only they can read.
ARG USER_ID=1000
# A named volume takes over owner and rights of the folder that it is mounted on.
RUN useradd --uid "$USER_ID" --create-home longembed \
    && install --directory --owner=longembed /models /spool
COPY --from=build /opt/longembed /opt/longembed
ENV PATH=/opt/longembed/bin:$PATH \
    HF_HOME=/models \
    HF_HUB_DISABLE_TELEMETRY=1
EXPOSE 8000
USER longembed
WORKDIR /home/longembed
ENTRYPOINT ["longembed-rag"]
CMD ["--help"]
