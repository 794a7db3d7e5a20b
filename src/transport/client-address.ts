import ipaddr from 'ipaddr.js';

/** `10.0.0.9:80`, `[2001:db8::3]`, `[2001:db8::3]:80`, quoted or not (RFC 7239, section 6): some proxies add the port. */
const WITH_PORT = /^"?(?:\[(?<v6>[^\]]*)\]|(?<v4>[\d.]+))(?::\d+)?"?$/;

/** Groups of an IPv6 address that identify its owner: one subscriber has a /64. */
const OF_SUBSCRIBER = 4;

/**
 * The client for quotas: an IPv4 address, or the /64 of an IPv6 subscriber; empty where there is no address, as behind a Unix socket.
 * Each proxy adds the address that it saw to the end of `X-Forwarded-For`. So the last entries come from one's own proxies, as many as there are; all
 * before them can be false. Where such an entry is no address, the proxy that wrote it counts as the client: so nobody gets a quota of his own by
 * inventing a name. @param forwarded `X-Forwarded-For`, the entries of one's own proxies last. @param proxies the number of one's own proxies.
 */
export function clientOf(remote: string, forwarded: string = '', proxies: number = 0): string {
  let client = addressIn(remote);
  if (proxies === 0) return client ?? '';
  for (const entry of forwarded.split(',').slice(-proxies).reverse()) {
    const seen = addressIn(entry);
    if (seen === undefined) break;
    client = seen;
  }
  return client ?? '';
}

function addressIn(text: string): string | undefined {
  const trimmed = text.trim();
  const { v6, v4 } = WITH_PORT.exec(trimmed)?.groups ?? {};
  const bare = v6 ?? v4 ?? trimmed;
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !ipaddr.IPv6.isValid(bare)) return undefined;
  const address = ipaddr.process(bare);
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, OF_SUBSCRIBER).map(hex).join(':') : address.toString();
}

function hex(group: number): string {
  return group.toString(16);
}
