import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { listen } from '../../src/transport/listen.ts';
import { SOCKET_OPTIONS, TcpLine } from '../../src/transport/tcp/line.ts';
import { linePair } from '../world/line-pair.ts';
import { type LinePlace, lineSuite } from './suite/line.ts';

async function tcpPlace(): Promise<LinePlace> {
  const server = createServer(SOCKET_OPTIONS);
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  return {
    open: async (setting) => {
      const accepted = new Promise<TcpLine>((resolve) =>
        server.once('connection', (socket: Socket) => resolve(new TcpLine(socket, setting))),
      );
      const socket = connect({ ...SOCKET_OPTIONS, host: '127.0.0.1', port });
      await once(socket, 'connect');
      return { near: new TcpLine(socket, setting), far: await accepted, cut: () => void socket.resetAndDestroy() };
    },
    remove: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

const places: Readonly<Record<string, () => Promise<LinePlace>>> = {
  memory: async () => ({ open: async (setting) => linePair(setting), remove: async () => undefined }),
  tcp: tcpPlace,
};

for (const [name, make] of Object.entries(places)) {
  describe(`line ${name}`, () => lineSuite(test, make));
}
