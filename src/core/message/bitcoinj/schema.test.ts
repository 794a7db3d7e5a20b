import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { DescField, DescFile } from '@bufbuild/protobuf';
import { ErrorCode, file_bitcoinj, Type } from './schema.ts';

const SOURCE = readFileSync(new URL('bitcoinj.proto', import.meta.url), 'utf8');
const SCALARS: ReadonlyMap<number, string> = new Map([
  [4, 'uint64'],
  [5, 'int32'],
  [9, 'string'],
  [12, 'bytes'],
]);

/** The declarations of a `.proto` file by the name of their message or enum, one text each. */
function declared(source: string): Readonly<Record<string, readonly string[]>> {
  const blocks = source.replaceAll(/\/\/.*$/gm, '').matchAll(/(?:message|enum) (?<name>\w+) \{(?<body>[^}]*)\}/g);
  return Object.fromEntries(
    [...blocks].map(({ groups }) => {
      const lines = (groups?.['body'] ?? '').split(';').map((line) => line.replaceAll(/\s+/g, ' ').trim());
      return [groups?.['name'], lines.filter((line) => line !== '')];
    }),
  );
}

/** The same, out of the generated descriptor. */
function generated(file: DescFile): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([
    ...file.messages.map(({ name, fields }) => [name, fields.map(fieldLine)]),
    ...file.enums.map(({ name, values }) => [name, values.map((value) => `${value.name} = ${value.number}`)]),
  ]);
}

function fieldLine(field: DescField): string {
  const label = field.proto.label === 2 ? 'required' : 'optional';
  const type = field.message?.name ?? field.enum?.name ?? SCALARS.get(field.scalar ?? 0);
  const { defaultValue } = field.proto;
  return `${label} ${type} ${field.name} = ${field.number}${defaultValue === '' ? '' : ` [default = ${defaultValue}]`}`;
}

test('what is generated says what the .proto says', () => {
  const said = declared(SOURCE);
  assert.deepEqual(generated(file_bitcoinj), said);
  assert.equal(Object.keys(said).length, 13);
  assert.notDeepEqual(generated(file_bitcoinj), declared(SOURCE.replace('min_payment = 4', 'min_payment = 5')));
});

test('the constants of the enums are those of the descriptor', () => {
  const numbers = Object.fromEntries(
    file_bitcoinj.enums.map(({ name, values }) => [name, Object.fromEntries(values.map((value) => [value.name, value.number]))]),
  );
  assert.deepEqual(numbers, { Type, ErrorCode });
});
