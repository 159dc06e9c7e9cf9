/** Light and dark as the reader's system says, unless data-theme on the page says otherwise. Every text has a contrast of at least 4.5 to 1. */
const LIGHT =
  '--bg:#ffffff;--panel:#f6f8fa;--text:#1f2328;--dim:#59636e;--line:#d1d9e0;--link:#0550ae;--error:#b3141f;--error-bg:#ffe1df;--warning:#7d4e00;--warning-bg:#fff1c9;--info:#0550ae;--info-bg:#dcebff;--clean:#116329;--clean-bg:#d2f4dc;--focus:#0550ae;--mark:#fff8c5';
const DARK =
  '--bg:#0d1117;--panel:#151b23;--text:#e6edf3;--dim:#9da7b3;--line:#30363d;--link:#79b8ff;--error:#ff8a80;--error-bg:#3d1214;--warning:#e3b341;--warning-bg:#33260a;--info:#79b8ff;--info-bg:#10294f;--clean:#56d364;--clean-bg:#12361f;--focus:#79b8ff;--mark:#3a3000';

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme: dark){:root:not([data-theme="light"]){${DARK}}}
:root[data-theme="light"]{color-scheme:light;${LIGHT}}
:root[data-theme="dark"]{color-scheme:dark;${DARK}}
*{box-sizing:border-box}
body{overflow-wrap:anywhere;margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Open Sans","DejaVu Sans",sans-serif}
header,main,footer{max-width:1240px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
footer{color:var(--dim);padding-top:24px;padding-bottom:32px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}
h2{font-size:20px;margin:36px 0 10px}
.lead{font-size:17px;margin:0 0 16px}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px;top:8px;background:var(--bg);padding:8px 12px;border:1px solid var(--line);border-radius:6px;z-index:1}
.skip:focus{left:12px}
.cards{list-style:none;display:flex;flex-wrap:wrap;gap:10px;padding:0;margin:0 0 14px}
.card{border:1px solid var(--line);border-radius:8px;padding:8px 16px;min-width:104px;background:var(--panel)}
.card strong{display:block;font-size:24px;line-height:1.2}
.card.error strong{color:var(--error)}.card.warning strong{color:var(--warning)}.card.info strong{color:var(--info)}.card.clean strong{color:var(--clean)}
.notes{color:var(--dim);margin:0;padding-left:20px}
.filters{display:flex;flex-wrap:wrap;gap:10px 18px;align-items:center;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.filters fieldset{border:0;padding:0;margin:0;display:flex;gap:12px;align-items:center}
.filters legend{float:left;padding:0;margin-right:4px;color:var(--dim)}
.filters label{white-space:nowrap}
input[type=search],select,button{font:inherit;color:var(--text);background:var(--bg);border:1px solid var(--dim);border-radius:6px;padding:4px 8px;max-width:100%}
input[type=search]{width:220px}
button{cursor:pointer}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:8px 12px;border-bottom:1px solid var(--line);font-weight:400}
tbody tr:last-child>*{border-bottom:0}
thead th{overflow-wrap:normal;background:var(--panel);white-space:nowrap;padding:0}
thead button{border:0;background:none;padding:8px 12px;font-weight:600;width:100%;text-align:left}
thead button::after{content:" \\2195";color:var(--dim)}
th[aria-sort=ascending] button::after{content:" \\2191";color:var(--text)}
th[aria-sort=descending] button::after{content:" \\2193";color:var(--text)}
td a[href^="#code-"]{white-space:nowrap}
tbody th{font-weight:600;overflow-wrap:anywhere;min-width:150px}
td:last-child{min-width:320px}
tr:target>*,dt:target{background:var(--mark)}
tr[data-known="1"]{opacity:.8}
.place{color:var(--dim);font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere;min-width:140px}
p.place{margin:10px 0 4px}
.dim{color:var(--dim)}
.permalink{text-decoration:none;padding:0 4px}
.badge,.tag,.filters{overflow-wrap:normal}
.badge,.tag{display:inline-block;border-radius:10px;padding:0 9px;font-size:13px;line-height:20px;white-space:nowrap}
.badge.error{color:var(--error);background:var(--error-bg)}.badge.warning{color:var(--warning);background:var(--warning-bg)}
.badge.info{color:var(--info);background:var(--info-bg)}.badge.clean{color:var(--clean);background:var(--clean-bg)}
.tag{border:1px solid var(--dim);color:var(--dim)}
.workload{border:1px solid var(--line);border-radius:8px;margin:8px 0;padding:0 14px}
.workload[open]{padding-bottom:12px}
.workload:target{border-color:var(--focus);border-width:2px}
summary{cursor:pointer;padding:10px 0}
summary .name{font-weight:600;overflow-wrap:anywhere}
figure{margin:12px 0 0;overflow-x:auto}
figure svg{min-width:720px;max-width:960px;width:100%;height:auto;display:block}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--panel);border-radius:4px;padding:1px 5px;overflow-wrap:anywhere}
.codes dt{font-weight:600;margin-top:16px}
.codes dd{margin:0 0 0 0}
.codes p{margin:4px 0}
[hidden]{display:none}
@media (max-width:700px){
header,main,footer{padding-left:12px;padding-right:12px}
.card{flex:1 1 40%}
thead{position:absolute;left:-9999px}
table,tbody,tr,tbody th,td{display:block;width:100%}
tbody tr{padding:10px 12px;border-bottom:1px solid var(--line)}
tbody tr[hidden]{display:none}
tbody th,td{border:0;padding:2px 0;min-width:0}
td:last-child{min-width:0}
.filters fieldset{flex-wrap:wrap}
input[type=search]{display:block;width:100%}
.filters label:first-child{flex:1 1 100%}
}
@media print{.filters,.skip,.permalink{display:none}.workload{break-inside:avoid}}
`;
