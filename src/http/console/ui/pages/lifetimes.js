// How long sessions and tokens last: the rules as sentences, what they make of somebody's session, and a change tried out before it is saved.
import { call, getVersioned, useLoad } from '../api.js';
import { ActForm } from '../form.js';
import { useHeld } from '../held.js';
import { Fragment, html, useState } from '../html.js';
import { LIMITS, sentence, whom } from '../limits.js';
import { Beyond, Choice, Confirm, Dialog, Empty, Opens, Page, Read, Tag, Text, Trouble, When } from '../parts.js';
import { PickClient, PickGroup, PickUser, userOf } from '../pick.js';
import { errorsOf } from '../problem.js';
import { useReach } from '../reach.js';
import { Timeline } from '../timeline.js';
import { count, lasts, seconds } from '../words.js';

const ACRS = [
  ['', 'However they signed in'],
  ['urn:gatekey:acr:pwd', 'With a password, or better'],
];

const AHEAD = { PT0S: 'At once', P1D: 'Within a day', P7D: 'Within a week' };
const compact = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value));

/** How much more than now a change ends at once. Sessions are judged as on the issuer’s own pages, refresh tokens as their client’s. */
const atOnce = ({ horizons: [now] }) => ({
  sessions: Math.max(0, (now?.sessions_changed ?? 0) - (now?.sessions ?? 0)),
  families: Math.max(0, (now?.refresh_families_changed ?? 0) - (now?.refresh_families ?? 0)),
});

const FAMILY = ['refresh token family', 'refresh token families'];

/** `1 session and 3 refresh token families`; nothing where nothing ends. */
const ending = ({ sessions, families }) => [sessions > 0 && count(sessions, 'session'), families > 0 && count(families, ...FAMILY)].filter(Boolean).join(' and ');

/** What a change would end, as the server reckons it. `client`: the rule is for one client, which says nothing of the session as such. */
function Impact({ of, client }) {
  const { sessions, refresh_families: families, horizons } = of;
  const ends = ending(atOnce(of));
  return html`<div class="impact" role="status">
    <p><strong>${ends ? `Ends ${ends} at once` : 'Ends nothing at once'}</strong>, of ${count(sessions, 'session')} and ${count(families, ...FAMILY)} that run now.</p>
    ${client && html`<p>Sessions go on for other applications: at this one people who are past a limit sign in again.</p>`}
    <table class="small-table">
      <caption class="unseen">What will have ended, if it is not used meanwhile</caption>
      <thead><tr><th scope="col">If unused, ended</th><th scope="col">as it is</th><th scope="col">with the change</th></tr></thead>
      <tbody>${horizons.map((horizon) => html`<tr key=${horizon.ahead}><th scope="row">${AHEAD[horizon.ahead] ?? `Within ${lasts(horizon.ahead)}`}</th><td>${count(horizon.sessions, 'session')}, ${count(horizon.refresh_families, ...FAMILY)}</td><td>${count(horizon.sessions_changed, 'session')}, ${count(horizon.refresh_families_changed, ...FAMILY)}</td></tr>`)}</tbody>
    </table>
  </div>`;
}

/** A rule is written, tried out, and only then saved. */
function RuleForm({ rule, etag, close, done }) {
  const [selector, setSelector] = useHeld('selector', { client: '', group: '', acr: '', ...rule?.selector });
  const [limits, setLimits] = useHeld('limits', { ...rule?.limits });
  const [impact, setImpact] = useState();
  const change = { selector: compact(selector), limits: compact(limits) };
  const touched = (set) => (value) => {
    setImpact(undefined);
    set(value);
  };
  const first = impact ? undefined : async () => setImpact(await call('POST', '/lifetime-rules/dry-run', { body: { changes: [change] } }));
  const save = () => call('PUT', '/lifetime-rules', { body: change, headers: { 'If-Match': etag } });
  const ends = impact && ending(atOnce(impact));
  const set = Object.keys(change.limits).length > 0;
  return html`<${ActForm} verb=${!impact ? 'Try it out' : ends ? `Save: end ${ends}` : 'Save'} kind=${ends ? 'danger' : 'primary'} ready=${set} first=${first} act=${save} close=${close} done=${done} changed=${done}>
    ${(wrong) => html`<${Fragment}>
      ${rule
        ? html`<p>For <strong>${whom(rule.selector)}</strong>:</p>`
        : html`<fieldset><legend>For whom</legend><div class="two">
            <${PickGroup} label="In the group" hint="By its name." id=${selector.group} set=${touched((group) => setSelector({ ...selector, group }))} error=${wrong.group} />
            <${PickClient} label="At the client" hint="Its client id." id=${selector.client} set=${touched((client) => setSelector({ ...selector, client }))} error=${wrong.client} />
            <${Choice} label="Signed in" value=${selector.acr} set=${touched((acr) => setSelector({ ...selector, acr }))} options=${ACRS} error=${wrong.acr} />
          </div></fieldset>`}
      <fieldset><legend>How long</legend>
        <p class="hint">As ISO 8601 has it: PT5M is five minutes, PT8H eight hours, P14D two weeks; or unlimited. Empty: this rule does not say.</p>
        <div class="two">${Object.entries(LIMITS).map(
          ([name, { title }]) => html`<${Text} key=${name} label=${title} hint=${seconds(limits[name]) !== undefined ? lasts(limits[name]) : undefined} value=${limits[name] ?? ''} set=${touched((value) => setLimits({ ...limits, [name]: value.trim() }))} error=${wrong[name]} />`,
        )}</div>
      </fieldset>
      ${set && html`<p class="sentence">${sentence(change)}</p>`}
      ${impact && html`<${Impact} of=${impact} client=${change.selector.client} />`}
    <//>`}
  <//>`;
}

function DeleteRule({ rule, etag, close, done }) {
  const impact = useLoad(() => call('POST', '/lifetime-rules/dry-run', { body: { changes: [{ selector: rule.selector, limits: {} }] } }), []);
  return html`<${Confirm}
    title="Delete this rule?"
    verb="Delete the rule"
    consequence=${html`<p>${sentence(rule)}</p><p>The rules that are left decide instead.</p>${impact.data && html`<${Impact} of=${impact.data} client=${rule.selector.client} />`}${impact.error && html`<${Trouble} error=${impact.error} />`}`}
    act=${() => call('DELETE', '/lifetime-rules', { query: rule.selector, headers: { 'If-Match': etag } })}
    close=${close}
    done=${done}
  />`;
}

const sourceOf = ({ source, selector }) => (source === 'rule' ? `the rule for ${whom(selector)}` : source === 'client' ? 'the client’s own limits' : 'the settings');

/** Why a limit is what it is, for a user at a client. */
function Explain() {
  const may = useReach();
  const [user, setUser] = useState('');
  const [client, setClient] = useState('');
  const [nobody, setNobody] = useState(false);
  const [found, setFound] = useState();
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const ask = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    setNobody(false);
    // What is shown is the answer to what was asked, or nothing.
    setFound(undefined);
    try {
      const id = user && (await userOf(user));
      if (user && !id) setNobody(true);
      else setFound(await call('POST', '/lifetime-rules/explain', { body: compact({ user: id, client }) }));
    } catch (error) {
      setError(error);
    }
    setBusy(false);
  };
  const wrong = errorsOf(error);
  return html`<section class="panel" aria-labelledby="explain">
    <h2 id="explain">What holds for somebody</h2>
    <form class="ask" onSubmit=${ask}>
      ${may('users:read') && html`<${PickUser} label="User" hint="By name. Empty: somebody in no group." id=${user} set=${setUser} error=${nobody ? 'Nobody has this name.' : wrong.user} />`}
      <${PickClient} label="Client" hint="Its client id. Empty: on the issuer’s own pages." id=${client} set=${setClient} error=${wrong.client} />
      <button type="submit" class="secondary" disabled=${busy}>${busy ? 'Asking…' : 'Explain'}</button>
    </form>
    ${error && html`<${Trouble} error=${error} />`}
    ${found &&
    html`<${Fragment}>
      <${Timeline} limits=${Object.fromEntries(found.limits.map(({ limit, value }) => [limit, value]))} />
      <dl class="facts">${found.limits.map(
        ({ limit, value, candidates }) => html`<div key=${limit}><dt>${LIMITS[limit]?.title ?? limit}</dt><dd><strong>${lasts(value)}</strong>, by ${sourceOf(candidates[0])}${candidates.length > 1 && html`<span class="aside"> · instead of ${candidates.slice(1).map((one) => `${lasts(one.value)} by ${sourceOf(one)}`).join(', ')}</span>`}</dd></div>`,
      )}</dl>
    <//>`}
  </section>`;
}

export function Lifetimes() {
  const policy = useLoad(() => getVersioned('/lifetime-rules'), []);
  const etag = policy.data?.etag;
  const edit = (rule, label, kind) =>
    html`<${Opens} label=${label} needs="lifetimes:write" kind=${kind} about=${rule && whom(rule.selector)}>${(close) => html`<${Dialog} wide title=${rule ? 'Change the rule' : 'New rule'} close=${close}><${RuleForm} rule=${rule} etag=${etag} close=${close} done=${policy.reload} /><//>`}<//>`;
  return html`<${Page} title="Lifetimes" lead="How long sessions and tokens last. The most precise rule decides; of equally precise ones the shorter." actions=${policy.data && edit(undefined, 'New rule', 'primary')}>
    <${Read} of=${policy}>${({ value: { settings, registered, rules } }) => html`<${Fragment}>
      <section class="panel" aria-labelledby="lives"><h2 id="lives">What a session lives through</h2><p class="hint">Where no rule says otherwise: the settings.</p><${Timeline} limits=${settings} /></section>
      <div class="section-head"><h2>Rules</h2></div>
      ${rules.length === 0 && registered.length === 0 && html`<${Empty} title="No rules"><p>The settings hold for everybody.</p><//>`}
      <ul class="rules">
        ${rules.map(
          (rule) => html`<li key=${JSON.stringify(rule.selector)} class="panel">
            <div><p class="sentence">${sentence(rule)}</p><p class="aside">${rule.managed_by_file ? html`<${Tag} kind="over">from the settings file<//> which wins at the next start` : html`Changed <${When} at=${rule.updated_at} />`}</p></div>
            <div class="head-actions">${edit(rule, 'Change')}<${Opens} label="Delete" needs="lifetimes:write" about=${whom(rule.selector)} kind="danger">${(close) => html`<${DeleteRule} rule=${rule} etag=${etag} close=${close} done=${policy.reload} />`}<//></div>
          </li>`,
        )}
        ${registered.map(({ client, limits }) => html`<li key=${client} class="panel"><div><p class="sentence">${sentence({ selector: { client }, limits })}</p><p class="aside">Registered with the <a href=${`#/clients/${encodeURIComponent(client)}`}>client</a></p></div></li>`)}
      </ul>
      <${Beyond} acts=${[['lifetimes:write', 'change the rules']]} />
      <${Explain} />
    <//>`}<//>
  <//>`;
}
