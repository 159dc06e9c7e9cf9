import { svgStyle } from '../../drain/timeline/draw/index.ts';
import { escapeHtml } from '../output/html/escape.ts';
import { STYLE } from '../output/html/style.ts';
import { BROWSER_SCRIPT } from './browser.gen.ts';
import type { Asset } from './server/handler.ts';
import { DASHBOARD_STYLE } from './style.ts';

/** Everything that the page is made of; it asks nobody but the server that it came from. */
export function dashboardAssets(version: string): readonly Asset[] {
  return [
    { path: '/', type: 'text/html; charset=utf-8', text: page(version) },
    { path: '/page.css', type: 'text/css; charset=utf-8', text: STYLE + DASHBOARD_STYLE + svgStyle() },
    { path: '/page.js', type: 'text/javascript; charset=utf-8', text: BROWSER_SCRIPT },
  ];
}

function page(version: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>sidecar-drain dashboard</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script></head>
<body><a class="skip" href="#list">Skip to the workloads</a>
<div id="banner" role="alert" hidden>The off switch is on: the operator writes nothing.</div>
<header><h1>How pods end <span class="dim" id="cluster"></span></h1>
<div class="status"><p role="status"><span class="dot" id="dot" aria-hidden="true"></span><span id="live">connecting</span></p><p class="dim" id="off-switch"></p></div>
<ul class="notes" id="gaps" aria-label="What may not be read"></ul></header>
<form id="login" hidden><label>Token <input type="password" name="token" autocomplete="off" spellcheck="false" required></label>
<button>Look</button><p role="alert" id="login-why"></p></form>
<main>
<section aria-labelledby="policies-title"><h2 id="policies-title">Policies</h2><div id="policies"><p class="dim">loading</p></div>
<div id="history" hidden><h2 id="history-title">Rollout, as it went</h2>
<label>Policy <select id="history-policy"></select></label>
<label>Moment <input type="range" id="history-moment" min="0" max="0" value="0" step="1"></label>
<p id="history-words"></p><div id="history-bar"></div></div></section>
<section aria-labelledby="workloads-title"><h2 id="workloads-title">Workloads</h2>
<form class="filters" id="filters" role="search" aria-label="Filter the workloads">
<label>Search <input type="search" name="q" placeholder="name, policy, words" autocomplete="off"></label>
<label>State <select name="state"><option value="">all</option></select></label>
<label>Policy <select name="policy"><option value="">all</option></select></label>
<label>Namespace <select name="namespace"><option value="">all</option></select></label>
<button type="reset">Reset</button></form>
<p role="status" id="shown"></p>
<div id="list" role="listbox" aria-labelledby="workloads-title" tabindex="0"><div id="space" role="presentation"></div></div>
<article id="detail" aria-label="The workload that is open" hidden></article></section>
</main>
<footer>sidecar-drain ${escapeHtml(version)}. This page only reads.</footer></body></html>
`;
}
