import ipaddr from 'ipaddr.js';

/** `10.0.0.9:80`, `[2001:db8::3]`, `[2001:db8::3]:80`, quoted or not (RFC 7239, section 6): some proxies add the port. */
const WITH_PORT = /^"?(?:\[(?<v6>[^\]]*)\]|(?<v4>[\d.]+))(?::\d+)?"?$/;

/** Groups of an IPv6 address that say whose it is: one subscriber has a /64. */
const OF_SUBSCRIBER = 4;

/**
 * Who asks, as far as quotas go: an IPv4 address, or the /64 that one subscriber has of IPv6; nothing where there is no address, as behind a Unix socket.
 *
 * Each proxy adds whom it saw to the end of `X-Forwarded-For`, so the last entries are as many as there are proxies of one's own, and all before them is
 * hearsay. Where an entry is no address, the proxy that wrote it is who asks: nobody gets a share by a name.
 * @param forwarded `X-Forwarded-For`, one's own proxies' entries last. @param proxies How many stand in front.
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
