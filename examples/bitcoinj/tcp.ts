// The highest of three levels: a server that bitcoinj's payers can pay, and a payer that can pay bitcoinj's servers, over TCP.
//   node examples/bitcoinj/tcp.ts
import { amount, formatAmount } from 'pawment';
import { Attachments, bitcoinjContracts, openBitcoinj, serveBitcoinj } from 'pawment/bitcoinj';
import { connectTcp } from 'pawment/transport/tcp/connect';
import { serveTcp } from 'pawment/transport/tcp/serve';
import { agreed, DOGE, mine, payee, payer } from './world.ts';

const attachments = new Attachments();
const server = await serveTcp((line, keep) => serveBitcoinj(line, payee, attachments, { keep }));

const order = { contracts: bitcoinjContracts, capacity: amount(10n * DOGE) };
const channel = agreed(await openBitcoinj(await connectTcp('127.0.0.1', server.port), order, payer));
await mine(1);
for (let cup = 1; cup <= 3; cup++) {
  const { info, state } = agreed(await channel.pay(amount(DOGE / 10n), new TextEncoder().encode('tea')));
  console.log(`${new TextDecoder().decode(info)}, ${formatAmount(state.best?.total ?? amount(0n))} DOGE paid so far`);
}
const settlement = await channel.settle();
console.log(`settled with ${settlement?.outputs.length} outputs`);
await server.close();
