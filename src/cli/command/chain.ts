import { join } from 'node:path';
import type { Command } from 'commander';
import { integerOf, JsonNumber } from '../../chain/json-number.ts';
import { type Rpc, RpcError, rpcClient } from '../../chain/json-rpc.ts';
import type { Regtest } from '../../chain/regtest/regtest.ts';
import { openRegtest } from '../../chain/regtest/save-chain.ts';
import { type RegtestServer, serveRegtest } from '../../chain/regtest/server.ts';
import { parseAmount } from '../../core/base/amount.ts';
import { WorldError } from '../../engine/ports.ts';
import { lockDatadir } from '../../store/datadir-lock.ts';
import type { CommonFlags } from '../config.ts';
import { wholeNumber } from '../flag/number.ts';
import { command, run, type Shell } from '../run-command.ts';
import { nodeOf, openNode } from '../setup.ts';
import { noteChain } from '../test-chain-url.ts';
import { untilStopped } from '../wait.ts';
import { aLittle } from '../wait-for-node.ts';

interface ChainFlags extends CommonFlags {
  readonly port?: number;
  readonly auto?: number;
}

/** On regtest, CLTV is active from block 1351. */
const FIRST_HEIGHT = 1360;

export function chainCommand(): Command {
  const chain = command('chain', "Run a test chain with the coin's rules; it answers like its node's JSON-RPC", [
    'pawment chain',
    'pawment chain --coin litecoin-regtest --port 19443',
    'pawment chain mine 3',
    'pawment chain fund <address> 500',
  ])
    .option('--port <number>', "port of the JSON-RPC; the coin's own unless given", wholeNumber(0, 65_535))
    .option('--auto <seconds>', 'mine a block at this interval', wholeNumber(1))
    .action((flags: ChainFlags) => run(flags, (shell) => serve(shell, flags)));
  chain.addCommand(
    command('mine', 'Mine blocks on a running test chain', ['pawment chain mine 3'])
      .argument('<blocks>', 'how many', wholeNumber(1, 100_000))
      .action((blocks: number, flags: CommonFlags) => run(flags, (shell) => mine(shell, blocks))),
  );
  chain.addCommand(
    command('fund', "Send coins from the test chain's own wallet", ['pawment chain fund mxyz… 500'])
      .argument('<address>')
      .argument('<amount>', 'in whole coins')
      .action((address: string, amount: string, flags: CommonFlags) => run(flags, (shell) => fund(shell, address, amount))),
  );
  return chain;
}

async function serve({ config, print }: Shell, { port, auto }: ChainFlags): Promise<void> {
  const release = lockDatadir(config.datadir, 'chain');
  const { regtest, close } = openRegtest(join(config.datadir, 'chain.blocks'), { coin: config.coin, relay: 'peer' });
  if (regtest.tip.height < FIRST_HEIGHT) regtest.mine(FIRST_HEIGHT - regtest.tip.height);
  const server = await servedAt(regtest, port, print).catch((error: unknown) => {
    close();
    throw new WorldError(
      'config',
      `The test chain can't be served: ${reasonOf(error)}.`,
      'Use another --port, or stop the program that uses this one.',
      error,
    );
  });
  const unnote = noteChain(config.datadir, server.url);
  const timer = auto === undefined ? undefined : setInterval(() => regtest.mine(1), auto * 1000);
  print.result({ rpcUrl: server.url, coin: config.coin.id, height: regtest.tip.height }, [
    `${config.coin.name}'s rules at ${server.url}, block ${regtest.tip.height}. Ctrl-C stops it.`,
  ]);
  // Ends on a signal, or on the call `stop`.
  await Promise.race([untilStopped(), server.closed]);
  clearInterval(timer);
  unnote();
  await server.close();
  close();
  release();
}

/** Serves at the given port; otherwise at the coin's own, or at any free one where another program uses that. */
async function servedAt(regtest: Regtest, port: number | undefined, print: Shell['print']): Promise<RegtestServer> {
  const at = (one: number): Promise<RegtestServer> => serveRegtest(regtest, { port: one, relay: 'peer' });
  const { rpcPort } = regtest.coin;
  try {
    return await at(port ?? rpcPort);
  } catch (error) {
    if (port !== undefined || !(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    print.note(
      `Another program uses port ${rpcPort}. This chain uses a free one; commands on this machine find it there. --port sets another.`,
    );
    return at(0);
  }
}

async function mine({ config, print }: Shell, blocks: number): Promise<void> {
  const rpc = await clientOf(config, print);
  const address = String(await rpc('getnewaddress'));
  const hashes = await rpc('generatetoaddress', blocks, address);
  const count = await rpc('getblockcount');
  const height = count instanceof JsonNumber ? integerOf(count) : undefined;
  print.result({ height, blocks: hashes }, [`mined ${blocks}, now at block ${height}`]);
}

async function fund({ config, print }: Shell, address: string, text: string): Promise<void> {
  if (parseAmount(text) === undefined) throw new WorldError('config', `${text} is not an amount.`, 'Write it like 12.5.');
  const rpc = await clientOf(config, print);
  const txid = String(await rpc('sendtoaddress', address, text));
  print.result({ txid }, [`sent ${text} ${config.coin.ticker} to ${address}: ${txid}`]);
}

/** For a chain that may just have been started. */
async function clientOf(config: Shell['config'], { note }: Shell['print']): Promise<Rpc> {
  const { coin, rpc } = config;
  if (rpc === undefined || coin.network !== 'regtest') {
    throw new WorldError('config', `${coin.id} is not a test chain.`, 'Give a --coin that ends in -regtest.');
  }
  await openNode(config, aLittle(config, note));
  const call = rpcClient(nodeOf(config, rpc));
  return async (...request) => {
    try {
      return await call(...request);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      throw new WorldError('node-refused', `The node refuses ${request[0]}: ${error.message}.`, 'Correct what it names.', error);
    }
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
