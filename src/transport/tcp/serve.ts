import { createServer } from 'node:net';
import type { Line } from '../../engine/ports.ts';
import { limitPerAddress, listen } from '../listen.ts';
import { Patience } from '../patience.ts';
import { systemTimers } from '../timers.ts';
import { type LineOptions, SOCKET_OPTIONS, TcpLine } from './line.ts';

export interface ServeTcpOptions extends LineOptions {
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Milliseconds that handlers get to come to their end when the server closes; 10,000 unless given. */
  readonly grace?: number;
  /** Connections at once; further ones are dropped. 5,000 unless given. */
  readonly mostConnections?: number;
  /** Of one address; 250 unless given. */
  readonly mostPerAddress?: number;
  /** Told of what a handler threw (`line`) and of failures of the listening socket (`listen`); it goes on listening. */
  readonly onError?: (error: unknown, where: 'line' | 'listen') => void;
}

export interface TcpServer {
  readonly port: number;
  /**
   * Takes no more connections and no more messages, lets every handler say its last, and resolves when all lines are closed. May be called again.
   */
  readonly close: () => Promise<void>;
}

/**
 * Listens, and hands every connection to `onLine`; its line is closed when that is done.
 * @throws WorldError `config` when it can't listen there.
 */
export async function serveTcp(onLine: (line: Line) => Promise<void>, options: ServeTcpOptions = {}): Promise<TcpServer> {
  const { host = '127.0.0.1', port = 0, grace = 10_000, mostConnections = 5_000, mostPerAddress = 250, timers = systemTimers } = options;
  const lines = new Set<TcpLine>();
  const attend = async (line: TcpLine): Promise<void> => {
    lines.add(line);
    try {
      await onLine(line);
    } catch (error) {
      options.onError?.(error, 'line');
    }
    await line.close();
    lines.delete(line);
  };
  const server = createServer(SOCKET_OPTIONS);
  server.maxConnections = mostConnections;
  limitPerAddress(server, mostPerAddress);
  server.on('connection', (socket) => {
    if (!socket.destroyed) void attend(new TcpLine(socket, options));
  });
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const patience = new Patience(timers, grace, () => {
    for (const line of lines) void line.close();
  });
  server.once('close', () => patience.end());
  const actual = await listen(server, host, port);
  server.on('error', (error) => options.onError?.(error, 'listen'));
  const close = (): Promise<void> => {
    if (server.listening) {
      server.close();
      patience.begin();
      for (const line of lines) line.hush();
    }
    return closed;
  };
  return { port: actual, close };
}
