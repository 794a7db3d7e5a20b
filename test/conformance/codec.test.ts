import { describe, test } from 'node:test';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { codecSuite } from './suite/codec.ts';

for (const coin of [dogecoinRegtest, litecoinRegtest]) describe(`codecs, ${coin.id}`, () => codecSuite(test, coin));
