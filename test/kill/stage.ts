import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegtest, type Regtest } from '../../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../../src/chain/regtest/server.ts';
import { amount, ZERO } from '../../src/core/base/amount.ts';
import { bytesToHex } from '../../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import type { Pay } from '../../src/core/message/message.ts';
import { scriptOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { type Connection, WorldError } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { httpConnection } from '../../src/transport/http/client.ts';
import { type HttpServer, serveMerchant } from '../../src/transport/http/serve.ts';
import { Quotas } from '../../src/transport/rate-limit.ts';
import type { TakenPayment } from '../../src/transport/request-handler.ts';
import { branchKeyName } from '../../src/wallet/key-branch.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { coin, DEPOSIT, type Go, type Role, START } from './setting.ts';
import type { Act } from './trigger.ts';
import type { Witness } from './witness.ts';

const SEEDS: Readonly<Record<Role, string>> = { payer: '11'.repeat(32), merchant: '22'.repeat(32) };
const COINS = 60;
const UNLIMITED = { burst: 1e9, perSecond: 1e9, mostAddresses: 10, mostLarge: 1_000 };

/** What is not killed: the chain, its node, a folder, and the wire between the two programs, with the witness on it. */
export interface Stage {
  readonly regtest: Regtest;
  /** Height below which only the stage was set. */
  readonly start: number;
  /** What the payer began with. */
  readonly money: bigint;
  readonly payeeScript: Uint8Array;
  readonly folder: string;
  readonly payerKeys: ReturnType<typeof seedKeyRing>;
  readonly storeOf: (role: Role) => string;
  readonly orderFor: (role: Role, isHasty: boolean) => Go;
  /** Where the merchant is now; undefined while it is dead. */
  readonly reach: (url: string | undefined) => void;
  readonly close: () => Promise<void>;
}

export interface StageOptions {
  readonly witness: Witness;
  readonly onAct: (act: Act) => void;
  /** The witness has seen something that must not be. */
  readonly onFault: (error: unknown) => void;
}

export async function setStage({ witness, onAct, onFault }: StageOptions): Promise<Stage> {
  const { verify } = await fastestVerifier();
  const regtest = createRegtest({ coin, verify });
  regtest.mine(START);
  const payerKeys = seedKeyRing(coin, Buffer.from(SEEDS.payer, 'hex'), fastestSigner());
  const value = amount(DEPOSIT * 3n);
  for (let i = 0; i < COINS; i++) regtest.fund(p2pkh(payerKeys.signer(branchKeyName(coin, 'receive', i % 10)).publicKey), value);
  regtest.mine(1);
  const node = await serveRegtest(watchBroadcasts(regtest, onAct));
  let merchant: Connection | undefined;
  const wire: Connection = {
    exchange: async (request) => {
      onAct(request.kind);
      guard(() => witness.heard(request), onFault);
      if (merchant === undefined) throw new WorldError('peer-unreachable', 'The merchant is away.', 'Try again.');
      const reply = await merchant.exchange(request);
      onAct(request.kind);
      guard(() => witness.answered(request, reply), onFault);
      return reply;
    },
  };
  const tap = await serveMerchant(
    {
      answer: wire.exchange,
      pay: (pay) => tapped(wire, pay),
      room: async () => 100_000,
      readPsbt: () => Promise.reject(new Error('none is sent')),
    },
    { quotas: new Quotas(UNLIMITED) },
  );
  const folder = await mkdtemp(join(tmpdir(), 'pawment-kill-'));
  const payeeScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
  const storeOf = (role: Role): string => join(folder, role);
  return {
    ...{ regtest, start: regtest.tip.height, money: BigInt(COINS) * value, payeeScript, folder, payerKeys, storeOf },
    orderFor: (role, isHasty) => {
      const common = { kind: 'go', store: storeOf(role), node: node.url, merchant: tap.url, seed: SEEDS[role], isHasty } as const;
      return { ...common, payeeScript: bytesToHex(payeeScript) };
    },
    reach: (url) => {
      merchant = url === undefined ? undefined : httpConnection(url);
    },
    close: () => clear(folder, node, tap),
  };
}

/** The tap knows only what went over the wire: a receipt. */
async function tapped(wire: Connection, pay: Pay): Promise<TakenPayment | Refusal> {
  const reply = await wire.exchange(pay);
  if (isRefusal(reply)) return reply;
  if (reply.kind !== 'receipt') throw new Error('a payment is answered by a receipt or a refusal');
  return { kind: 'taken', receipt: reply, added: ZERO };
}

async function clear(folder: string, node: RegtestServer, tap: HttpServer): Promise<void> {
  await Promise.all([node.close(), tap.close()]);
  await rm(folder, { recursive: true });
}

/** The chain, with an eye on what is handed to it. */
function watchBroadcasts(regtest: Regtest, onAct: (act: Act) => void): Regtest {
  const broadcast = regtest.broadcast.bind(regtest);
  regtest.broadcast = (...given) => {
    onAct('broadcast');
    return broadcast(...given);
  };
  return regtest;
}

function guard(look: () => void, onFault: (error: unknown) => void): void {
  try {
    look();
  } catch (error) {
    onFault(error);
  }
}
