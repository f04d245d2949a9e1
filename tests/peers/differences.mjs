/** Paths at which two values differ; where both have the same members in another order, that is told at `path/(order)`. */
export function differences(a, b, path = '') {
  if (Object.is(a, b)) return [];
  if (a && b && typeof a === 'object' && typeof b === 'object' && Array.isArray(a) === Array.isArray(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    const inner = [...keys].flatMap((k) => differences(a[k], b[k], `${path}/${k}`));
    const [first, second] = [Object.keys(a).filter((k) => k in b), Object.keys(b).filter((k) => k in a)];
    return inner.concat(differences(first.join(' '), second.join(' '), `${path}/(order)`));
  }
  const short = (v) => (v === undefined ? 'nothing' : JSON.stringify(v).slice(0, 120));
  return [{ path, expected: short(a), seen: short(b) }];
}
