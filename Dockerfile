# The server over Streamable HTTP and SSE, as a user without rights, with one volume for the run store.
#
#   docker build -t arazzo-mcp .
#   docker run -p 127.0.0.1:8765:8765 -v arazzo-runs:/data -v ./flows:/flows:ro -e FAL_KEY arazzo-mcp
FROM python:3.13-slim

RUN useradd --create-home --uid 10001 arazzo && mkdir /data && chown arazzo /data
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src

USER arazzo
ENV ARAZZO_MCP_STORE=/data/runs.sqlite3 PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8765
ENTRYPOINT ["arazzo-mcp"]
CMD ["serve", "/flows", "--transport", "http", "--host", "0.0.0.0", "--port", "8765"]
