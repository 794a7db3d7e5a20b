import { type DuplexAgent, duplexAgent } from '../../duplex/agent.ts';
import { OPPOSITE } from '../../duplex/pair-record.ts';
import { type MerchantOptions, openMerchant } from '../../merchant/merchant.ts';
import { defaultTerms } from '../../merchant/terms.ts';
import type { Agent } from '../../payer/agent.ts';
import { identityOf } from '../../store/identity.ts';
import { storePart } from '../../store/part.ts';
import { ownScript } from '../../wallet/keyring.ts';

/** The payer as the payee of channels that go the other way: it sells nothing, and is paid to its wallet's first key. */
export async function withPayee(
  agent: Agent,
  parts: Omit<MerchantOptions, 'terms' | 'prices' | 'payeeScript' | 'identity'>,
): Promise<DuplexAgent> {
  const { chain, store, keys, random } = parts;
  const own = storePart(store, OPPOSITE);
  const payee = openMerchant({
    ...parts,
    store: own,
    identity: await identityOf(own, random),
    terms: defaultTerms(chain.coin),
    prices: new Map(),
    payeeScript: ownScript(chain.coin, keys),
  });
  return duplexAgent({ agent, payee, store });
}
