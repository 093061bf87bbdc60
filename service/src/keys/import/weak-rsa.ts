/** Small primes that the ROCA fingerprint is taken over (CVE-2017-15361, Nemec et al. 2017). */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
  109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR = 65_537;
/** How many steps of Fermat's method a sound modulus must survive; two random primes of 1,024 bits survive any number. */
const FERMAT_STEPS = 100;

/**
 * Why an RSA modulus is easy to factor, in words for the operator, or `undefined` when no known shortcut applies.
 * Looks for small factors, for the structure of Infineon's faulty generator (ROCA) and for primes that lie close together.
 */
export function weaknessOf(modulus: bigint): string | undefined {
  if (modulus % 2n === 0n) return "its modulus is even";
  const residues = PRIMES.map((prime) => Number(modulus % BigInt(prime)));
  if (residues.includes(0)) return "its modulus has a small factor";
  if (residues.every((residue, index) => isPowerOfGenerator(residue, PRIMES[index] ?? 3))) {
    return "its modulus was made by a faulty generator (ROCA, CVE-2017-15361)";
  }
  if (hasClosePrimes(modulus)) return "its two primes lie too close together (Fermat factorisation)";
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
