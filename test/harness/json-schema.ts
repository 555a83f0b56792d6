/** A JSON Schema (2020-12), of which only the words below are known; an unknown word is a fault, so that none is passed over. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set(["description", "title"]);

const typeOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;

const isObject = (value: unknown): value is Record<string, unknown> => typeOf(value) === "object";

type Word = (value: unknown, argument: never, at: string, context: Context) => readonly string[];

interface Context {
  /** What `$ref` starts from. */
  readonly root: JsonSchema;
  readonly schema: JsonSchema;
}

const fail = (at: string, holds: boolean, text: string): readonly string[] => (holds ? [] : [`${at}: ${text}`]);

const count = (value: unknown, schemas: readonly JsonSchema[], at: string, { root }: Context): number =>
  schemas.filter((schema) => schemaFaults(value, schema, root, at).length === 0).length;

const WORDS: Readonly<Record<string, Word>> = {
  $ref: (value, path: string, at, { root }) => schemaFaults(value, resolveReference(root, path), root, at),
  type: (value, type: string, at) =>
    fail(at, typeOf(value) === type || (type === "number" && typeof value === "number"), `is no ${type}`),
  const: (value, wanted: unknown, at) => fail(at, value === wanted, `is not ${JSON.stringify(wanted)}`),
  enum: (value, values: readonly unknown[], at) => fail(at, values.includes(value), `is none of ${values.join(", ")}`),
  minimum: (value, least: number, at) => fail(at, typeof value !== "number" || value >= least, `is under ${least}`),
  required: (value, names: readonly string[], at) =>
    isObject(value)
      ? names.filter((name) => !Object.hasOwn(value, name)).map((name) => `${at}: ${name} is missing`)
      : [],
  properties: (value, properties: Readonly<Record<string, JsonSchema>>, at, { root }) =>
    isObject(value)
      ? Object.entries(properties).flatMap(([name, schema]) =>
          Object.hasOwn(value, name) ? schemaFaults(value[name], schema, root, `${at}/${name}`) : [],
        )
      : [],
  additionalProperties: (value, allowed: boolean, at, { schema }) =>
    isObject(value) && !allowed
      ? Object.keys(value)
          .filter((name) => !Object.hasOwn((schema["properties"] as object | undefined) ?? {}, name))
          .map((name) => `${at}: ${name} is not described`)
      : [],
  items: (value, schema: JsonSchema, at, { root }) =>
    Array.isArray(value) ? value.flatMap((item, index) => schemaFaults(item, schema, root, `${at}/${index}`)) : [],
  anyOf: (value, schemas: readonly JsonSchema[], at, context) =>
    fail(at, count(value, schemas, at, context) > 0, "fits none of anyOf"),
  oneOf: (value, schemas: readonly JsonSchema[], at, context) =>
    fail(at, count(value, schemas, at, context) === 1, "does not fit exactly one of oneOf"),
};

function resolveReference(root: JsonSchema, path: string): JsonSchema {
  const found = path
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((at, name) => (at as Readonly<Record<string, unknown>> | undefined)?.[name], root);
  if (!isObject(found)) throw new Error(`${path} leads nowhere`);
  return found;
}

/** What is wrong with a value by a schema, each with its place; nothing when it fits. */
export function schemaFaults(value: unknown, schema: JsonSchema, root: JsonSchema, at = ""): readonly string[] {
  return Object.entries(schema)
    .filter(([name]) => !ANNOTATIONS.has(name))
    .flatMap(([name, argument]) => {
      const word = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
      if (word === undefined) throw new Error(`the schema at ${at} has the unknown word ${name}`);
      return word(value, argument as never, at, { root, schema });
    });
}
