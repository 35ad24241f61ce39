/**
 * The SIMD kernel as WebAssembly, assembled by hand: no tool chain, nothing opaque. In the text format it
 * reads
 *
 *   (module
 * (memory (export "memory") 1) ;; tables at 0: for each factor the products of 16 low and 16 high nibbles
 *     (func (export "multiplyAdd")
 *       (param $target i32) (param $source i32) (param $length i32) (param $factor i32)
 *       (local $low v128) (local $high v128) (local $x v128)
 *       (set $low (v128.load (tee $factor (i32.shl (get $factor) (i32.const 5)))))
 *       (set $high (v128.load offset=16 (get $factor)))
 *       (block (loop
 *         (br_if 1 (i32.eqz (get $length)))
 *         (set $x (v128.load (get $source)))
 *         (v128.store (get $target)
 *           (v128.xor
 *             (v128.xor (v128.load (get $target)) (i8x16.swizzle (get $low) (v128.and (get $x) 0x0f...)))
 *             (i8x16.swizzle (get $high) (i8x16.shr_u (get $x) (i32.const 4)))))
 *         ;; $target and $source rise by 16, $length falls by 16
 *         (br 0)))))
 *
 * Binary format: WebAssembly core 2.0, section 5; SIMD opcodes: section 5.4.8.
 */

/** Where the tables lie in the kernel's memory. */
export const KERNEL_TABLES_AT = 0;

/** Unsigned LEB128 (core 5.2.2). */
function u32(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

const text = (value: string): number[] => [...u32(value.length), ...new TextEncoder().encode(value)];
const vector = (items: number[][]): number[] => [...u32(items.length), ...items.flat()];
const section = (id: number, body: number[]): number[] => [id, ...u32(body.length), ...body];
const simd = (opcode: number, ...immediates: number[]): number[] => [0xfd, ...u32(opcode), ...immediates];

const I32 = 0x7f;
const V128 = 0x7b;
// Locals: the parameters first.
const TARGET = 0;
const SOURCE = 1;
const LENGTH = 2;
const FACTOR = 3;
const LOW = 4;
const HIGH = 5;
const X = 6;

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
const i32Const = (value: number): number[] => [0x41, value];
const I32_ADD = [0x6a];
const I32_SUB = [0x6b];
const I32_SHL = [0x74];
const ALIGN_1 = 0;
const load128 = (offset: number): number[] => simd(0x00, ALIGN_1, offset);
const STORE_128 = simd(0x0b, ALIGN_1, 0);
const SWIZZLE = simd(0x0e);
const XOR = simd(0x51);
const AND = simd(0x4e);
const I8X16_SHR_U = simd(0x6d);
const I8X16_SPLAT_NIBBLE = simd(0x0c, ...new Array<number>(16).fill(0x0f)); // v128.const of sixteen 0x0f

const BODY = [
  // $low = tables[factor * 32], $high = tables[factor * 32 + 16]
  ...[...get(FACTOR), ...i32Const(5), ...I32_SHL, ...tee(FACTOR), ...load128(0), ...set(LOW)],
  ...[...get(FACTOR), ...load128(16), ...set(HIGH)],
  ...[0x02, 0x40], // block: leave it when no bytes are left
  ...[0x03, 0x40], // loop
  ...[...get(LENGTH), 0x45, 0x0d, 1], // i32.eqz, br_if block
  // $x = source[0..16]
  ...[...get(SOURCE), ...load128(0), ...set(X)],
  // target[0..16] = target[0..16] ^ low[$x & 15] ^ high[$x >> 4]
  ...get(TARGET),
  ...[...get(TARGET), ...load128(0)],
  ...[...get(LOW), ...get(X), ...I8X16_SPLAT_NIBBLE, ...AND, ...SWIZZLE, ...XOR],
  ...[...get(HIGH), ...get(X), ...i32Const(4), ...I8X16_SHR_U, ...SWIZZLE, ...XOR],
  ...STORE_128,
  // target += 16, source += 16, length -= 16
  ...[...get(TARGET), ...i32Const(16), ...I32_ADD, ...set(TARGET)],
  ...[...get(SOURCE), ...i32Const(16), ...I32_ADD, ...set(SOURCE)],
  ...[...get(LENGTH), ...i32Const(16), ...I32_SUB, ...set(LENGTH)],
  ...[0x0c, 0], // br loop
  ...[0x0b, 0x0b], // end loop, end block
  0x0b, // end function
];

const LOCALS = vector([[3, V128]]);
const CODE = [...LOCALS, ...BODY];

/**
 * The module's bytes. Exports `memory` and `multiplyAdd(target, source, length, factor)`; length a multiple
 * of 16.
 */
export const KERNEL_WASM = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
  ...section(1, vector([[0x60, ...vector([[I32], [I32], [I32], [I32]]), ...vector([])]])), // types
  ...section(3, vector([[0]])), // functions
  ...section(5, vector([[0x00, 1]])), // memories: at least one page of 64 KiB
  ...section(
    7,
    vector([
      [...text("memory"), 0x02, 0],
      [...text("multiplyAdd"), 0x00, 0],
    ]),
  ), // exports
  ...section(10, vector([[...u32(CODE.length), ...CODE]])), // code
]);
