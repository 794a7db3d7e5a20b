import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { MachinePair } from '../../test/world/machine-pair.ts';
import { accountOf as endAccount } from './command/close.ts';
import { accountOf as openAccount } from './command/open.ts';
import { Interrupt, Interrupted } from './interrupt.ts';

const DOGE = 100_000_000n;

test('a stopped open names the coins that are in the channel and the command that goes on; without coins nothing has to be gone on with', () => {
  const pair = new MachinePair().open(100n * DOGE);
  const state = pair.payerState();
  const { message, advice, facts } = openAccount({ ...state, kind: 'funding', unsent: [] });
  assert.match(message, /^Stopped\. 100 DOGE are in channel /);
  assert.equal(advice, `Continue with: pawment open --resume ${state.channel.slice(0, 16)}`);
  assert.deepEqual(facts, { channel: state.channel, state: 'funding', deposited: 100n * DOGE });
  assert.match(openAccount({ ...state, kind: 'planned', deposits: [], offered: [] }).message, /Nothing was deposited/);
});

test('a stopped close says whether an end is on its way', () => {
  const state = new MachinePair().open(100n * DOGE).payerState();
  assert.match(endAccount(state, 'close').message, /^Stopped\. Channel [0-9a-f]{64} is open\.$/);
  assert.match(endAccount(state, 'close').advice, /^Continue with: pawment close [0-9a-f]{16} --wait$/);
});

test('a signal ends with what the command had to say last; one that is served until it is stopped hears it itself', async () => {
  const signals = new EventEmitter();
  let told = 0;
  const stop = new Interrupt();
  const ended = new Promise<Interrupted | Error>((resolve) => {
    const end = (stopped: Interrupted | Error): void => {
      told++;
      resolve(stopped);
    };
    stop.listen(end, signals);
  });
  const served = (): void => undefined;
  signals.on('SIGTERM', served);
  signals.emit('SIGTERM', 'SIGTERM');
  signals.off('SIGTERM', served);
  assert.equal(told, 0);
  stop.say(async () => ({ message: 'Stopped after 3.', advice: 'Go on.' }));
  signals.emit('SIGTERM', 'SIGTERM');
  const stopped = await ended;
  assert.ok(stopped instanceof Interrupted);
  assert.deepEqual([stopped.message, stopped.signal], ['Stopped after 3.', 'SIGTERM']);
});
