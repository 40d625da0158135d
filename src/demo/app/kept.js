// What must outlive the trip to the sign-in page and a reload: kept for this tab, gone when it is closed.

export function kept(name, initial) {
  const key = `demo.${name}`;
  let value = initial;
  try {
    value = JSON.parse(sessionStorage.getItem(key)) ?? initial;
  } catch {
    // Not what this page wrote: begin afresh.
  }
  return {
    get: () => value,
    set(next) {
      value = next;
      sessionStorage.setItem(key, JSON.stringify(next));
    },
  };
}
