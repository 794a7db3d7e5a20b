import { describe, test } from 'node:test';
import { assertAllDone, atFreePorts, commandBlocks, paste } from '../readme.ts';
import { nodeKinds, startNode, whyWithout } from './node.ts';

// The embedded chain has its turn in docs.test.ts.
for (const kind of nodeKinds.filter((kind) => !kind.startsWith('embedded'))) {
  describe(`the commands of the README on ${kind}`, { skip: whyWithout(kind) ?? false }, () => {
    test('run as written, but for the chain that they bring along', async () => {
      const { coin, rpcUrl, auth, stop } = await startNode(kind);
      const given =
        auth.kind === 'password' ? { PAWMENT_RPC_USER: auth.user, PAWMENT_RPC_PASSWORD: auth.password } : { PAWMENT_RPC_COOKIE: auth.file };
      try {
        const texts = commandBlocks().map((text) => text.replace('npx pawment chain &\n', ''));
        assertAllDone(await paste(await atFreePorts(texts), { env: { PAWMENT_COIN: coin.id, PAWMENT_RPC_URL: rpcUrl, ...given } }));
      } finally {
        await stop();
      }
    });
  });
}
