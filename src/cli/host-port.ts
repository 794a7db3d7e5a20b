import { WorldError } from '../engine/ports.ts';

/** Where somebody listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; without a host it is the loopback address. @throws WorldError `config` */
export function hostPort(text: string): HostPort {
  const match = /^(.*):(\d+)$/.exec(text);
  const [, host = '', port = ''] = match ?? [];
  if (match === null || Number(port) > 65_535) throw new WorldError('config', `${text} is no host and port.`, 'Write host:port.');
  return { host: host.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(port) };
}
