import * as z from 'zod';
import { LOCK_TIME_THRESHOLD } from '../../core/base/height.ts';
import { coins } from '../../core/coin/registry.ts';
import { contracts } from '../../core/contract/registry.ts';
import {
  amountField,
  bytesField,
  channelIdField,
  coinField,
  contractField,
  hashField,
  heightField,
  publicKeyField,
  secretField,
  signatureField,
  transactionField,
  txIdField,
} from '../../core/message/fields.ts';
import { type Endpoint, endpoints } from './endpoints.ts';
import { problemJson } from './problem.ts';
import { answerForms } from './reply.ts';

type Json = Readonly<Record<string, unknown>>;

const SCHEMAS = '#/components/schemas/';
const healthJson = z.object({ status: z.literal('ok') });

/** The OpenAPI 3.1 document of the plain protocol, made from the schemas that read and write its messages. */
export function openApi(): Json {
  document ??= build();
  return document;
}
let document: Json | undefined;

function build(): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'pawment',
      version: '1.0.0',
      description:
        'Payment channels, plain protocol. Amounts are decimal digits in the smallest unit; bytes are hex unless said otherwise.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths: paths(),
    components: {
      securitySchemes: {
        channelKey: {
          type: 'http',
          scheme: 'Pawment',
          description:
            'Shows the payer key of the channel: a block height of the last day, a dot, and in hex r and s of a signature over SHA-256 of ' +
            '`pawment/state-request/1` or `pawment/invoice-request/1`, the channel id (32 bytes) and the height (4 bytes, big-endian).',
        },
      },
      schemas: schemas(),
      responses: {
        Refusal: problem('The rules forbid it; nothing has changed. `code` says which rule, `remedy` what to do.'),
        Failure: problem('The payee can’t answer now. Send the same again later.'),
      },
    },
  };
}

function paths(): Json {
  const all: Record<string, Record<string, Json>> = {};
  for (const endpoint of Object.values(endpoints)) {
    const path = endpoint.path.replace(':id', '{id}');
    all[path] = { ...all[path], [endpoint.method.toLowerCase()]: operation(endpoint) };
  }
  return {
    ...all,
    '/v1/live': { get: plain('live', 'Whether the program answers, whatever else is wrong.', content(reference('Health'))) },
    '/v1/ready': {
      get: plain('ready', 'Whether the payee can promise anything new: its node answers, its store keeps.', content(reference('Health'))),
    },
    '/v1/health': { get: plain('health', 'The same as /v1/ready.', content(reference('Health'))) },
    '/openapi.json': { get: plain('openApi', 'This document.', content({ type: 'object' })) },
  };
}

const FAILURES: Json = { '4XX': { $ref: '#/components/responses/Refusal' }, '5XX': { $ref: '#/components/responses/Failure' } };

function operation({ name, summary, path, body, isProven, answers }: Endpoint): Json {
  const answered = answers.map((kind) => {
    const { status, description } = answerForms[kind];
    return [status, { description, content: content(reference(nameOf(kind))) }];
  });
  const id = { name: 'id', in: 'path', required: true, description: 'Channel id.', schema: { type: 'string', pattern: '^[0-9a-f]{64}$' } };
  return {
    operationId: name,
    summary,
    ...(path.includes(':id') ? { parameters: [id] } : {}),
    ...(body === undefined ? {} : { requestBody: { required: true, content: content(reference(bodyName(name))) } }),
    ...(isProven === undefined ? {} : { security: [{ channelKey: [] }] }),
    responses: { ...Object.fromEntries(answered), ...FAILURES },
  };
}

function plain(operationId: string, summary: string, ok: Json): Json {
  return { operationId, summary, responses: { 200: { description: summary, content: ok }, ...FAILURES } };
}

function content(schema: Json): Json {
  return { 'application/json': { schema } };
}

const RETRY_AFTER: Json = {
  'Retry-After': { description: 'Seconds after which the same may be sent again, where that is the remedy.', schema: { type: 'integer' } },
};

function problem(description: string): Json {
  return { description, headers: RETRY_AFTER, content: { 'application/problem+json': { schema: reference('Problem') } } };
}

function reference(name: string): Json {
  return { $ref: `${SCHEMAS}${name}` };
}

function nameOf(kind: string): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

function bodyName(operation: string): string {
  return `${nameOf(operation)}Body`;
}

/** What the code checks in these fields, as far as a schema can say it. */
const FORMS: ReadonlyMap<unknown, Json> = new Map<unknown, Json>([
  [heightField, { type: 'integer', minimum: 0, maximum: LOCK_TIME_THRESHOLD - 1, description: 'a block height' }],
  [amountField, { type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$' }],
  [bytesField, { type: 'string', pattern: '^([0-9a-fA-F]{2})*$' }],
  [hashField, { type: 'string', pattern: '^[0-9a-fA-F]{40}$' }],
  [secretField, { type: 'string', pattern: '^[0-9a-fA-F]{64}$' }],
  [transactionField, { type: 'string', pattern: '^([0-9a-fA-F]{2})+$' }],
  [txIdField, { type: 'string', pattern: '^[0-9a-f]{64}$' }],
  [channelIdField, { type: 'string', pattern: '^[0-9a-f]{64}$' }],
  [publicKeyField, { type: 'string', pattern: '^0[23][0-9a-fA-F]{64}$' }],
  [signatureField, { type: 'string', pattern: '^[0-9a-fA-F]{128}$' }],
  [coinField, { type: 'string', enum: coins.map(({ id }) => id) }],
  [contractField, { type: 'string', enum: contracts.map(({ id }) => id) }],
]);

function schemas(): Json {
  const registry = z.registry<{ id: string }>();
  registry.add(problemJson, { id: 'Problem' }).add(healthJson, { id: 'Health' });
  for (const [kind, { schema }] of Object.entries(answerForms)) registry.add(schema, { id: nameOf(kind) });
  for (const { name, body } of Object.values(endpoints)) if (body !== undefined) registry.add(body.schema, { id: bodyName(name) });
  const made = z.toJSONSchema(registry, {
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => `${SCHEMAS}${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      const form = FORMS.get(zodSchema);
      if (form === undefined) return;
      delete jsonSchema.maxLength;
      Object.assign(jsonSchema, form);
    },
  });
  // OpenAPI finds schemas by their place: `$id` and `$schema` would change the base of references.
  return Object.fromEntries(Object.entries(made.schemas).map(([id, { $id: _, $schema: __, ...schema }]) => [id, schema]));
}
