import type { Connection } from '../../engine/ports.ts';
import { httpConnection } from '../../transport/http/client.ts';
import { aLittleForPeer } from '../wait-for-node.ts';

/** A way to a merchant; one on this machine that is still starting is waited for a little. @throws WorldError `config` when it is no address. */
export function merchantAt(url: string, note: (text: string) => void): Connection {
  const { exchange } = httpConnection(url);
  const wait = aLittleForPeer(new URL(url).hostname, url, { note });
  return { exchange: (request, psbt) => wait(() => exchange(request, psbt)) };
}
