"use strict";
/* What the page carries packed: LZMA in base 85. A browser inflates gzip by itself, but plotly.js
   is smaller by a quarter in LZMA, which no browser knows, and this is less than it saves. */
const unpacked = (() => {
  // Five letters hold four bytes: base 85 is smaller than base 64 by 6 %.
  const LETTERS =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%:()*+-;,=.?@^_`{|}~";
  const bytesOf = (text) => {
    const digits = new Uint8Array(128);
    for (let i = 0; i < 85; i++) digits[LETTERS.charCodeAt(i)] = i;
    const words = new DataView(new ArrayBuffer((text.length / 5) * 4));
    for (let i = 0; i < text.length; i += 5) {
      let word = 0;
      for (let j = i; j < i + 5; j++) word = word * 85 + digits[text.charCodeAt(j)];
      words.setUint32((i / 5) * 4, word);
    }
    return new Uint8Array(words.buffer);
  };

  /* Chances, in 2048ths, that a bit is 0: one for each place where a bit is asked for. Each table
     begins where the one before it ended. */
  let tables = 0;
  const table = (size) => (tables += size) - size;
  const POSITIONS = 16; // of a byte, of which the stream says how many it tells apart
  const MATCH = table(12 * POSITIONS);
  const SHORT = table(12 * POSITIONS);
  const REPEAT = table(12);
  const LAST = [table(12), table(12), table(12)]; // which of the last distances: 0, 1 or 2, 3
  const SLOT = table(4 * 64);
  const CLOSE = table(128);
  const ALIGN = table(16);
  const lengths = () => ({ kind: table(2), low: table(8 * POSITIONS), mid: table(8 * POSITIONS), high: table(256) });
  const MATCHED = lengths();
  const REPEATED = lengths();
  const LITERAL = tables;

  const PAUSE = 1 << 19; // bytes, after which the page may do something else

  /* A stream as `lzma` writes it: five bytes of properties, eight that we do not read, the codes. */
  const decoded = async (packed, size) => {
    const high = packed[0] % 9; // bits of the byte before that choose a literal's table
    const low = Math.floor(packed[0] / 9) % 5; // and of the place
    const places = (1 << Math.floor(packed[0] / 45)) - 1;
    const chances = new Uint16Array(LITERAL + (0x300 << (high + low))).fill(1024);
    const out = new Uint8Array(size);
    let at = 18;
    let range = 0xffffffff;
    let code = new DataView(packed.buffer).getUint32(14);

    const shift = () => {
      if (range >= 0x1000000) return;
      range *= 256;
      code = code * 256 + packed[at++];
    };
    const bit = (place) => {
      const chance = chances[place];
      const bound = (range >>> 11) * chance;
      const one = code >= bound;
      if (one) {
        range -= bound;
        code -= bound;
        chances[place] = chance - (chance >> 5);
      } else {
        range = bound;
        chances[place] = chance + ((2048 - chance) >> 5);
      }
      shift();
      return one ? 1 : 0;
    };
    const tree = (place, bits) => {
      let found = 1;
      for (let i = 0; i < bits; i++) found = (found << 1) | bit(place + found);
      return found - (1 << bits);
    };
    const backwards = (place, bits) => {
      let node = 1;
      let found = 0;
      for (let i = 0; i < bits; i++) {
        const one = bit(place + node);
        node = (node << 1) | one;
        found |= one << i;
      }
      return found;
    };
    const even = (bits) => {
      let found = 0;
      for (let i = 0; i < bits; i++) {
        range = range >>> 1;
        const one = code >= range;
        if (one) code -= range;
        found = (found << 1) | (one ? 1 : 0);
        shift();
      }
      return found;
    };
    const lengthOf = ({ kind, low, mid, high }, place) => {
      if (!bit(kind)) return 2 + tree(low + 8 * place, 3);
      return bit(kind + 1) ? 18 + tree(high, 8) : 10 + tree(mid + 8 * place, 3);
    };
    const distanceOf = (length) => {
      const slot = tree(SLOT + 64 * Math.min(length - 2, 3), 6);
      if (slot < 4) return slot;
      const bits = (slot >> 1) - 1;
      const base = 2 | (slot & 1);
      // the tables of near distances overlap: each begins where its own distances do
      if (slot < 14) return (base << bits) + backwards(CLOSE + (base << bits) - slot, bits);
      const far = base * 2 ** bits + even(bits - 4) * 16;
      return far + backwards(ALIGN, 4);
    };

    const last = [0, 0, 0, 0]; // distances, the latest first
    let state = 0; // what came before: below 7 a literal
    let done = 0;
    let pause = PAUSE;
    const literal = () => {
      const before = done ? out[done - 1] : 0;
      const which = ((done & ((1 << low) - 1)) << high) + (before >> (8 - high));
      const place = LITERAL + 0x300 * which;
      let found = 1;
      if (state >= 7) {
        // after a match the byte that would have gone on with it is what is not meant
        let other = out[done - last[0] - 1];
        while (found < 0x100) {
          const expected = (other >> 7) & 1;
          other <<= 1;
          const one = bit(place + ((1 + expected) << 8) + found);
          found = (found << 1) | one;
          if (one !== expected) break;
        }
      }
      while (found < 0x100) found = (found << 1) | bit(place + found);
      out[done++] = found;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
    };
    const copied = (length) => {
      const distance = last[0] + 1;
      const end = Math.min(done + length, size);
      for (; done < end; done++) out[done] = out[done - distance];
    };

    const repeated = (place) => {
      let which = 0;
      while (which < 3 && bit(LAST[which] + state)) which++;
      if (which === 0 && !bit(SHORT + state * POSITIONS + place)) {
        state = state < 7 ? 9 : 11;
        copied(1);
        return;
      }
      last.unshift(...last.splice(which, 1));
      const length = lengthOf(REPEATED, place);
      state = state < 7 ? 8 : 11;
      copied(length);
    };

    while (done < size) {
      if (done >= pause) {
        pause += PAUSE;
        await new Promise((next) => setTimeout(next));
      }
      const place = done & places;
      if (!bit(MATCH + state * POSITIONS + place)) {
        literal();
      } else if (!bit(REPEAT + state)) {
        const length = lengthOf(MATCHED, place);
        last.pop();
        last.unshift(distanceOf(length));
        state = state < 7 ? 7 : 10;
        copied(length);
      } else {
        repeated(place);
      }
    }
    return out;
  };

  return async ({ textContent, dataset }) =>
    new TextDecoder().decode(await decoded(bytesOf(textContent), Number(dataset.size)));
})();
