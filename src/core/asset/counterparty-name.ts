const MAX_ASSET = 2n ** 64n - 1n;

export const BTC = 0n;
const XCP = 1n;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Names have four to twelve letters and do not begin with A, which counts as zero. Larger numbers are written as digits after an A. */
const LEAST_LETTERS = 26n ** 3n;
const MOST_LETTERS = 26n ** 12n - 1n;
const LEAST_NUMERIC = 26n ** 12n + 1n;

/** The name of an asset with this number; undefined where no asset has it (`assetnames.py`, generate_asset_name). */
export function nameOf(asset: bigint): string | undefined {
  if (asset === BTC) return 'BTC';
  if (asset === XCP) return 'XCP';
  if (asset >= LEAST_NUMERIC && asset <= MAX_ASSET) return `A${asset}`;
  if (asset < LEAST_LETTERS || asset > MOST_LETTERS) return undefined;
  let name = '';
  for (let left = asset; left > 0n; left /= 26n) name = `${LETTERS[Number(left % 26n)]}${name}`;
  return name;
}

/** The number of an asset with this name; undefined where no asset can have it (generate_asset_id). */
export function assetOf(name: string): bigint | undefined {
  const asset = numberOf(name);
  return asset !== undefined && nameOf(asset) === name ? asset : undefined;
}

function numberOf(name: string): bigint | undefined {
  if (name === 'BTC') return BTC;
  if (name === 'XCP') return XCP;
  if (/^A\d{1,20}$/.test(name)) return BigInt(name.slice(1));
  if (!/^[A-Z]{4,12}$/.test(name)) return undefined;
  return [...name].reduce((sum, letter) => sum * 26n + BigInt(LETTERS.indexOf(letter)), 0n);
}
