// The settings that may change while the server runs: what each holds to, what follows from that, and who says so.
import { call, getVersioned, useLoad } from '../api.js';
import { ActForm } from '../form.js';
import { useHeld } from '../held.js';
import { Fragment, html, useEffect, useRef } from '../html.js';
import { Dialog, Opens, Page, Read, Tag, Text } from '../parts.js';
import { useReach, whoMay } from '../reach.js';
import { to } from '../route.js';
import { lasts, moment, seconds } from '../words.js';

const none = (value) => seconds(value) === 0;
const endless = (value) => seconds(value) === Infinity;
/** Since when there is what is of that age now; nothing where that is before all of this. */
const since = (value, says) => {
  const at = Date.now() - 1000 * seconds(value);
  return at > 0 && html`: all ${says} before ${moment(at)}`;
};

/**
 * In the order of the page, by the words of the API. `says`: what a value means; `means`: what hangs on it; `loses`: what a shorter one takes away for good;
 * `follows`: what else a change brings.
 */
const SETTINGS = {
  events_retention: {
    key: 'events.retention',
    title: 'Events',
    label: 'Events are kept for',
    hint: 'A day at least.',
    says: (value) => (endless(value) ? 'Events are kept for ever.' : `Events are kept for ${lasts(value)}.`),
    means: html`So far back it can be told who did what. What is older is deleted within the hour.`,
    loses: (value) => html`<p><strong>Events older than ${lasts(value)} are deleted at the next sweep</strong>, within the hour${since(value, 'from')}.</p><p>Nothing brings them back. Who still needs them <a href=${to('events')}>saves them as a file</a> first.</p>`,
  },
  sessions_keep_ended: {
    key: 'sessions.keep_ended',
    title: 'Ended sessions',
    label: 'What has ended is kept for',
    says: (value) => (endless(value) ? 'Sessions and refresh token families that have ended are kept for ever.' : none(value) ? 'Sessions and refresh token families that have ended are not kept.' : `Sessions and refresh token families that have ended can be seen for ${lasts(value)} more.`),
    means: html`By their users and here. Nobody stays signed in for longer by it: what has ended is refused, whether it can be seen or not.`,
    loses: (value) => html`<p><strong>Sessions and refresh token families that ended ${none(value) ? '' : html`more than ${lasts(value)} ago `}are deleted at the next sweep</strong>, within the hour${!none(value) && since(value, 'that ended')}.</p><p>Nothing brings them back. Nobody is signed out by it.</p>`,
  },
  keys_rotate_every: {
    key: 'keys.rotate_every',
    title: 'Signing keys',
    label: 'A key signs for',
    hint: html`Longer than <code>keys.announce</code>.`,
    says: (value) => (endless(value) ? 'A key signs until somebody makes the next one.' : `A key signs for ${lasts(value)}, then the next one does.`),
    means: html`The server makes <a href=${to('keys')}>the next key</a> by itself, and publishes it before it signs. Applications notice nothing.`,
    follows: (value) => (endless(value) ? 'The server makes no key by itself any more, and reminds nobody.' : 'A key that signs for longer already is followed by the next one as soon as that has been published for long enough.'),
  },
};

const SOURCES = {
  default: { tag: 'the default', text: 'Nobody has set it.' },
  file: { tag: 'from the settings file', text: 'It is changed there, or in the environment, and holds from the next start.' },
  api: { tag: 'set here', text: 'By somebody, while the server ran.' },
};

/** One is changed and the others stay, though the server takes them all at once. */
const replace = (all, name, value, etag) => {
  const kept = Object.entries(all).filter(([other, { source }]) => other !== name && source === 'api').map(([other, { value }]) => [other, value]);
  return call('PUT', '/settings', { body: Object.fromEntries([...kept, ...(value ? [[name, value]] : [])]), headers: { 'If-Match': etag } });
};

/** What is lost, before it is: it takes the focus, so that it is read, and no second Enter in the field confirms it. */
function Loss({ children }) {
  const place = useRef();
  useEffect(() => place.current.focus(), []);
  return html`<div class="impact" ref=${place} tabindex="-1">${children}</div>`;
}

function SettingForm({ name, all, etag, close, done }) {
  const { label, hint, says, loses, follows } = SETTINGS[name];
  const now = all[name];
  const [typed, setTyped] = useHeld('value', now.source === 'api' ? now.value : '');
  const [sure, setSure] = useHeld('sure', false);
  const value = typed.trim();
  const length = seconds(value);
  // What the default is, the server says when it holds again.
  const shorter = loses && (value ? length < seconds(now.value) : now.source === 'api');
  const type = (text) => {
    setSure(false);
    setTyped(text);
  };
  const first = shorter && !sure ? () => setSure(true) : undefined;
  return html`<${ActForm} verb=${shorter ? (sure ? 'Save and delete' : 'Go on') : 'Save'} busy="Saving…" kind=${shorter && sure ? 'danger' : 'primary'} ready=${value !== '' || now.source === 'api'} first=${first} act=${() => replace(all, name, value, etag)} close=${close} done=${done} changed=${done}>
    ${(wrong) => html`<${Fragment}>
      <${Text} label=${label} hint=${html`Now ${lasts(now.value)}. As ISO 8601 has it: P30D is thirty days, P1Y a year; or unlimited. ${hint} ${now.source === 'api' && 'Empty: the default again.'}`} value=${typed} set=${type} error=${wrong[name]} />
      ${length !== undefined && html`<p class="sentence">From now on ${says(value).replace(/^./, (letter) => letter.toLowerCase())}</p>`}
      ${length !== undefined && follows && html`<p>${follows(value)}</p>`}
      ${shorter && sure && html`<${Loss}>${value ? loses(value) : html`<p><strong>If the default is shorter than ${lasts(now.value)}, what is older is deleted at the next sweep</strong>, within the hour. Nothing brings it back.</p>`}<//>`}
    <//>`}
  <//>`;
}

function Setting({ name, all, etag, done }) {
  const may = useReach();
  const { key, title, says, means } = SETTINGS[name];
  const { value, source } = all[name];
  const { tag, text } = SOURCES[source] ?? { tag: source };
  const id = `setting-${name}`;
  return html`<li class="panel setting" aria-labelledby=${id}>
    <div>
      <h2 id=${id}>${title} <code>${key}</code></h2>
      <p class="sentence">${says(value)}</p>
      <p>${means}</p>
      <p class="aside"><${Tag} kind=${source === 'api' ? '' : 'over'}>${tag}<//> ${text}</p>
    </div>
    ${source !== 'file' && may('settings:write') && html`<div class="head-actions"><${Opens} label="Change" about=${key}>${(close) => html`<${Dialog} title=${title} close=${close}><${SettingForm} name=${name} all=${all} etag=${etag} close=${close} done=${done} /><//>`}<//></div>`}
  </li>`;
}

export function Settings() {
  const may = useReach();
  const settings = useLoad(() => getVersioned('/settings'), []);
  return html`<${Page} title="Settings" lead="What may change while the server runs. Every replica goes by it at the next use.">
    <${Read} of=${settings}>${({ value: all, etag }) => html`<${Fragment}>
      <ul class="rules settings">${Object.keys(SETTINGS).filter((name) => all[name]).map((name) => html`<${Setting} key=${name} name=${name} all=${all} etag=${etag} done=${settings.reload} />`)}</ul>
      <p class="ways"><a href=${to('events', { kind: 'setting.changed' })}>What was changed, and by whom</a><a href=${to('lifetimes')}>How long sessions and tokens last</a></p>
      ${!may('settings:write') && html`<p>${whoMay('settings:write')} can change them.</p>`}
      <p class="aside">All the others are read at the start, from <code>gatekey.toml</code> and the environment; <code>docs/configuration.md</code> tells of each.</p>
    <//>`}<//>
  <//>`;
}
