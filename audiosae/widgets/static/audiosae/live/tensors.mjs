// Tensors of a safetensors file: { name: { data: Float32Array, shape } }, and what its header says besides.
export function read(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: told = {}, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    const bytes = buffer.slice(8 + length + from, 8 + length + to);
    if (dtype === "F32") tensors[name] = { data: new Float32Array(bytes), shape };
    else if (dtype === "F16") tensors[name] = { data: fromHalves(new Uint16Array(bytes)), shape };
    else throw new Error(`tensor ${name} is ${dtype}; the page reads F32 and F16`);
  }
  return { tensors, told };
}

// Of a half: its sign, 5 bits of exponent, 10 of mantissa. All 65,536 are worked out once.
let halves = null;

function fromHalves(bits) {
  halves ??= Float32Array.from({ length: 65536 }, (_, b) => {
    const [sign, e, m] = [b & 0x8000 ? -1 : 1, (b >> 10) & 31, b & 1023];
    return sign * (e === 0 ? m * 2 ** -24 : e === 31 ? (m ? NaN : Infinity) : (1 + m / 1024) * 2 ** (e - 15));
  });
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halves[bits[i]]; // several times as fast as Float32Array.from
  return out;
}
