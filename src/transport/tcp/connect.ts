import { connect, type Socket } from 'node:net';
import { type Line, WorldError } from '../../engine/ports.ts';
import { Timeout } from '../timeout.ts';
import { systemTimers } from '../timers.ts';
import { type LineOptions, SOCKET_OPTIONS, TcpLine, unreachable } from './line.ts';

export interface ConnectOptions extends LineOptions {
  /** Milliseconds in which the peer must accept the connection; 10,000 unless given. */
  readonly timeout?: number;
}

/** A line to the server at this address. @throws WorldError `peer-unreachable` when there is none, `config` when the port is not valid. */
export async function connectTcp(host: string, port: number, options: ConnectOptions = {}): Promise<Line> {
  const { timeout = 10_000, timers = systemTimers } = options;
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new WorldError('config', `${port} is no port.`, 'Give the peer as host:port.');
  }
  const socket = connect({ ...SOCKET_OPTIONS, host, port });
  const patience = new Timeout(timers, timeout, (milliseconds) => {
    socket.destroy(new Error(`no answer for ${milliseconds} ms`));
  });
  patience.begin();
  try {
    return await connected(socket, options);
  } catch (error) {
    throw unreachable(`${host}:${port} can’t be reached`, error);
  } finally {
    patience.end();
  }
}

function connected(socket: Socket, options: LineOptions): Promise<Line> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      resolve(new TcpLine(socket, options));
      socket.off('error', reject);
    });
  });
}
