# The node. Put its release (dogecoin-1.14.9-x86_64-linux-gnu.tar.gz), checked against the signed sums of its makers, beside this file.
FROM debian:bookworm-slim
ADD dogecoin-*-linux-gnu.tar.gz /opt/
RUN ln -s /opt/dogecoin-*/bin/dogecoind /usr/local/bin/ && useradd --uid 1000 node && install -d -o node -g node -m 0700 /var/lib/node /run/node
USER node
ENTRYPOINT ["dogecoind", "-datadir=/var/lib/node", "-printtoconsole", "-server", "-disablewallet", "-rpccookiefile=/run/node/.cookie"]
# Only what shares a network with it can reach it: see compose.yml.
CMD ["-rpcbind=0.0.0.0", "-rpcallowip=0.0.0.0/0"]
