import { createServer } from 'node:net';
import type { Line } from '../../engine/ports.ts';
import { ConnectionLimit, type ConnectionLimitOptions } from '../connection-limit.ts';
import { listen } from '../listen.ts';
import { Timeout } from '../timeout.ts';
import { systemTimers } from '../timers.ts';
import { type LineOptions, SOCKET_OPTIONS, TcpLine } from './line.ts';

export interface ServeTcpOptions extends LineOptions, Partial<ConnectionLimitOptions> {
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** 0, the default, uses any free port. */
  readonly port?: number;
  /** Milliseconds for handlers to finish when the server closes; 10,000 unless given. */
  readonly grace?: number;
  /** Called with what a handler threw (`line`) and with failures of the listening socket (`listen`); it continues to listen. */
  readonly onError?: (error: unknown, where: 'line' | 'listen') => void;
}

export interface TcpServer {
  readonly port: number;
  /**
   * Accepts no more connections and messages, lets every handler send its last message, and resolves when all lines are closed. May be called again.
   */
  readonly close: () => Promise<void>;
}

/**
 * Listens, and gives every connection to `onLine`; when that is done, its line is closed. There are 5,000 places unless given, 250 for each address;
 * after `keep` a connection keeps its place as long as the line is open. @throws WorldError `config` when it can't listen there.
 */
export async function serveTcp(onLine: (line: Line, keep: () => void) => Promise<void>, options: ServeTcpOptions = {}): Promise<TcpServer> {
  const { host = '127.0.0.1', port = 0, grace = 10_000, mostConnections = 5_000, mostPerAddress = 250, timers = systemTimers } = options;
  const lines = new Set<TcpLine>();
  const places = new ConnectionLimit({ mostConnections, mostPerAddress });
  const attend = async (line: TcpLine, keep: () => void): Promise<void> => {
    lines.add(line);
    try {
      await onLine(line, keep);
    } catch (error) {
      options.onError?.(error, 'line');
    }
    await line.close();
    lines.delete(line);
  };
  const server = createServer(SOCKET_OPTIONS);
  server.on('connection', (socket) => {
    if (places.take(socket)) void attend(new TcpLine(socket, options), () => places.keep(socket));
  });
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const timeout = new Timeout(timers, grace, () => {
    for (const line of lines) void line.close();
  });
  server.once('close', () => timeout.end());
  const actual = await listen(server, { host, port });
  server.on('error', (error) => options.onError?.(error, 'listen'));
  const close = (): Promise<void> => {
    if (server.listening) {
      server.close();
      timeout.begin();
      for (const line of lines) line.hush();
    }
    return closed;
  };
  return { port: actual, close };
}
