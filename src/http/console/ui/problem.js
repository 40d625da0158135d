// A refusal in words for people: the server's own, and what can be done where it does not say.

const ADVICE = {
  'scope-insufficient': 'Your account may not do this. Somebody with more rights can, or can give you the role.',
  unavailable: 'Try again in a moment.',
  internal: 'This is a mistake of the server. Its log has more under the number below.',
  offline: '',
};

export function problemText(error) {
  if (error.status === undefined) return { title: 'The console made a mistake', text: String(error.message ?? error) };
  const advice = ADVICE[error.kind];
  return { title: error.title, text: [error.detail, advice].filter(Boolean).join(' ') };
}
