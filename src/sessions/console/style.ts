/** The console's style: the system's fonts, light or dark as its reader has it, and on a telephone below one another. */
export const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: light-dark(#d5d9dc, #3a4145); --quiet: light-dark(#4d565c, #b4bcc1);
  --accent: light-dark(#1a5fb4, #8abaf2) }
* { box-sizing: border-box }
body { margin: 0; background: light-dark(#fafafa, #1c2022); color: light-dark(#1b1b1b, #e4e6e6) }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center; padding: .5rem 1rem; border-bottom: 1px solid var(--line) }
header form { margin-left: auto; display: flex; gap: .75rem; align-items: center; flex-wrap: wrap }
main { max-width: 56rem; margin: 0 auto; padding: 1rem }
h1 { margin: .5rem 0 1rem; font-size: 1.5rem; overflow-wrap: anywhere } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem }
a { color: var(--accent) } small, .quiet { color: var(--quiet) } code { overflow-wrap: anywhere }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
input, textarea, button, .button { font: inherit; min-height: 2.75rem; padding: .4rem .9rem; border-radius: 6px; border: 1px solid light-dark(#757d82, #8b949a) }
input, textarea { width: 100%; background: light-dark(#fff, #14181a); color: inherit }
label { display: block; margin: .75rem 0; font-weight: 600 } label > * { margin-top: .25rem; font-weight: 400 }
button, .button { background: none; color: inherit; cursor: pointer; text-decoration: none; display: inline-flex; align-items: center }
.main { background: #1a5fb4; border-color: #1a5fb4; color: #fff } .danger { border-color: light-dark(#b3261e, #f2887f); color: light-dark(#b3261e, #f6a099) }
.notice { padding: .75rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 6px }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 }
.list { list-style: none; margin: 0; padding: 0 } .list > li { padding: .75rem 0; border-top: 1px solid var(--line) }
.time { border-left: 2px solid var(--line); margin-left: .4rem; padding-left: 1rem } .time > li { border: 0; position: relative; overflow-wrap: anywhere }
.time > li::before { content: ''; position: absolute; left: -1.4rem; top: 1.2rem; width: .7rem; height: .7rem; border-radius: 50%; background: var(--accent) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0 } dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere }
.status { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .875rem }
.live { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem } figure { margin: 0 }
svg { display: block; width: 100%; height: 3.5rem; border-bottom: 1px solid var(--line) } polyline { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr } dd { margin-bottom: .5rem } header form { margin-left: 0 } }
`;

/** Draws the live picture anew while the page is looked at. Without it, the page is as good as when it was asked for. */
export const SCRIPT = `
const picture = document.querySelector('.live');
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch('/console/live').catch(() => undefined);
  if (answer?.ok && !answer.redirected) picture.innerHTML = await answer.text();
}, 5000);
`;
