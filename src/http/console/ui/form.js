// A form in a dialog that does something: it stays as it was filled when that is refused.
import { useAct } from './act.js';
import { html } from './html.js';
import { Trouble } from './parts.js';
import { errorsOf } from './problem.js';

/**
 * `act`, `first` and `done` are those of `useAct`; `children` makes the fields, and is given what is wrong with each of them. `changed` shows what there is by
 * now, when somebody else was faster.
 */
export function ActForm({ verb, busy: under = 'Under way…', kind = 'primary', ready = true, first, act, close, done, changed, children }) {
  const { busy, error, submit } = useAct({ act, first, close, done });
  const anew = () => {
    close();
    changed();
  };
  const overtaken = error?.kind === 'precondition-failed' && changed;
  return html`<form onSubmit=${submit}>
    <div class="dialog-body">
      ${error && html`<${Trouble} error=${error} retry=${overtaken ? anew : undefined} again="Show what it is now" />`}
      ${children(errorsOf(error))}
    </div>
    <footer><button type="button" class="secondary" disabled=${busy} onClick=${close}>Cancel</button><button type="submit" class=${kind} disabled=${busy || !ready}>${busy ? under : verb}</button></footer>
  </form>`;
}
