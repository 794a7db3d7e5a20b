import assert from 'node:assert/strict';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import type { Request } from '../../src/core/message/message.ts';
import type { Agent } from '../../src/payer/agent.ts';
import { must } from './sample.ts';

/** What a payer asks about its channel, with the proof that it is the payer. */
export async function stateRequest({ engine }: Pick<Agent, 'engine'>, channel: ChannelId): Promise<Request> {
  return must(await engine.drive(channel, { kind: 'resync' })).send ?? assert.fail('a question is sent');
}

export async function invoiceRequest({ engine }: Pick<Agent, 'engine'>, channel: ChannelId, item: string): Promise<Request> {
  return must(await engine.drive(channel, { kind: 'ask', item })).send ?? assert.fail('a question is sent');
}
