import type { Connection } from '../../engine/ports.ts';
import { httpConnection } from '../../transport/http/client.ts';
import { aLittleForPeer } from '../wait-for-node.ts';

/**
 * A way to a merchant; if one on this machine is still starting, waits for it a little. @throws WorldError `config` for a text that is not an
 * address.
 */
export function merchantAt(url: string, note: (text: string) => void): Connection {
  const { exchange } = httpConnection(url);
  const wait = aLittleForPeer(new URL(url).hostname, url, { note });
  return { exchange: (request, psbt) => wait(() => exchange(request, psbt)) };
}
