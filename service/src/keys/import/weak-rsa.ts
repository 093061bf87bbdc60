/** Small primes that the ROCA fingerprint uses (CVE-2017-15361, Nemec et al. 2017). */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
  109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR = 65_537;
/** How many steps of Fermat's method a modulus must resist; two random primes of 1,024 bits resist any number. */
const FERMAT_STEPS = 100;

/** Why an RSA modulus is easy to factor: `roca` is the structure of Infineon's faulty generator, `close_primes` is for Fermat's method. */
export type Weakness = "even" | "small_factor" | "roca" | "close_primes";

/** The first weakness that is found in an RSA modulus; `undefined` when no known shortcut applies. */
export function weaknessOf(modulus: bigint): Weakness | undefined {
  if (modulus % 2n === 0n) return "even";
  const residues = PRIMES.map((prime) => Number(modulus % BigInt(prime)));
  if (residues.includes(0)) return "small_factor";
  if (residues.every((residue, index) => isPowerOfGenerator(residue, PRIMES[index] ?? 3))) {
    return "roca";
  }
  if (hasClosePrimes(modulus)) return "close_primes";
  return undefined;
}

function isPowerOfGenerator(residue: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === residue) return true;
    power = (power * GENERATOR) % prime;
  } while (power !== 1);
  return false;
}

function hasClosePrimes(modulus: bigint): boolean {
  let a = squareRoot(modulus);
  if (a * a < modulus) a += 1n;
  for (let step = 0; step < FERMAT_STEPS; step += 1, a += 1n) {
    const rest = a * a - modulus;
    // Squares end in few residues modulo 64: this skips most of the costly roots.
    if (!SQUARES_MODULO_64.has(Number(rest & 63n))) continue;
    const root = squareRoot(rest);
    if (root * root === rest) return true;
  }
  return false;
}

const SQUARES_MODULO_64 = new Set(Array.from({ length: 64 }, (_, n) => (n * n) % 64));

/** The whole part of the square root, by Newton's method from above. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}
