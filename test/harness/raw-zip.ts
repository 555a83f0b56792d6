import { crc32, deflateRawSync } from "node:zlib";

/** One entry of a hand-written archive. Everything that is left out is what an honest archive has. */
export interface RawEntry {
  readonly name: string | Uint8Array;
  readonly content: Uint8Array;
  /** Unix mode with the file type, e.g. 0o100644. */
  readonly mode?: number;
  /** The name in the local header, when it shall differ from the central directory's. */
  readonly localName?: string | Uint8Array;
  /** 0 stored, 8 deflated; others are written as stored bytes under that number. */
  readonly method?: number;
  readonly flags?: number;
  /** Bytes that stand in place of the compressed content. */
  readonly compressed?: Uint8Array;
  /** What the archive says of the content, when it shall lie. */
  readonly declaredSize?: number;
  readonly declaredCrc?: number;
  /** Number of the entry whose bytes this one shares (overlapping entries, as in bombs). */
  readonly sharesBytesOf?: number;
  readonly extra?: Uint8Array;
}

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? Buffer.from(text) : text);

/** A zip archive of exactly these entries, honest or not: for what no zip library would write. Fixed times (1980-01-01). */
export function makeRawZip(entries: readonly RawEntry[], options: { readonly comment?: Uint8Array } = {}): Buffer {
  const parts: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const entry of entries) {
    const method = entry.method ?? 8;
    const data = entry.compressed ?? (method === 8 ? deflateRawSync(entry.content) : entry.content);
    const fields = Buffer.alloc(22);
    fields.writeUInt16LE(entry.flags ?? 0x800, 0);
    fields.writeUInt16LE(method, 2);
    fields.writeUInt16LE(0, 4);
    fields.writeUInt16LE(0x21, 6);
    fields.writeUInt32LE(entry.declaredCrc ?? crc32(entry.content), 8);
    fields.writeUInt32LE(data.length, 12);
    fields.writeUInt32LE(entry.declaredSize ?? entry.content.length, 16);
    const start = entry.sharesBytesOf === undefined ? offset : (offsets[entry.sharesBytesOf] ?? offset);
    offsets.push(start);
    if (start === offset) {
      const localName = bytesOf(entry.localName ?? entry.name);
      fields.writeUInt16LE(localName.length, 20);
      const local = Buffer.concat([
        Buffer.from("PK\x03\x04\x14\x00", "latin1"),
        fields,
        Buffer.alloc(2),
        localName,
        data,
      ]);
      parts.push(local);
      offset += local.length;
    }
    const name = bytesOf(entry.name);
    const extra = entry.extra ?? new Uint8Array();
    fields.writeUInt16LE(name.length, 20);
    const tail = Buffer.alloc(16);
    tail.writeUInt16LE(extra.length, 0);
    tail.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 8);
    tail.writeUInt32LE(start, 12);
    central.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03\x14\x00", "latin1"), fields, tail, name, extra]));
  }
  const directory = Buffer.concat(central);
  const comment = options.comment ?? new Uint8Array();
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, directory, end, comment]);
}
