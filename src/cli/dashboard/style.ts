/** What the page has beside the style that all pages share. */
export const DASHBOARD_STYLE = `
body{display:flex;flex-direction:column;min-height:100vh}
header,main,footer{width:100%}
main{flex:1}
h3{margin:0 0 2px;font-size:16px}
h4{margin:14px 0 4px;font-size:15px}
#banner{padding:10px 20px;background:var(--warning-bg);color:var(--warning);text-align:center;font-weight:600}
.status{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 8px}
.status p{margin:0}
.dot{display:inline-block;width:10px;height:10px;border-radius:50%;background:var(--clean);margin-right:8px}
.dot.away{background:var(--error);border-radius:2px}
#policies{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:12px}
.policy{border:1px solid var(--line);border-radius:10px;padding:14px 16px;background:var(--panel)}
.policy p{margin:0}
.policy dl{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;margin:8px 0 0}
.policy dt{color:var(--dim)}
.policy dd{margin:0}
.attention,#detail ul{margin:0;padding-left:20px}
.attention{max-height:220px;overflow-y:auto}
.bar{display:flex;height:12px;border-radius:6px;overflow:hidden;background:var(--line);margin:8px 0 4px}
.s-compliant{background:#2da44e}.s-updating{background:#218bff}.s-pending{background:#d4a72c}.s-nonCompliant{background:#bf8700}
.s-conflicted{background:#e16f24}.s-failed{background:#cf222e}.s-unknown{background:#8c959f}.s-exempt,.s-overridden{background:#a475f9}
.phase{font-weight:600}
.phase.Halted,.halt{color:var(--error)}
.phase.Done{color:var(--clean)}
#history{border:1px solid var(--line);border-radius:10px;padding:4px 16px 12px;margin-top:16px}
#history h2{margin:10px 0 6px}
#history label{display:flex;gap:10px;align-items:center;margin:6px 0}
#history input{flex:1;min-width:0;accent-color:var(--link)}
#history p{margin:0}
.filters input[type=search]{width:260px}
#shown{margin:8px 0}
#list{height:min(62vh,720px);overflow:auto;border:1px solid var(--line);border-radius:8px;overscroll-behavior:contain}
#space{position:relative}
.row{position:absolute;left:0;right:0;height:44px;display:grid;grid-template-columns:minmax(0,2.2fr) 130px minmax(0,1.2fr) 64px minmax(0,3fr);gap:12px;align-items:center;padding:0 14px;border-bottom:1px solid var(--line);cursor:pointer}
.row>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row:hover{background:var(--panel)}
.row[aria-selected=true]{background:var(--info-bg)}
#list:focus .row.marked{outline:3px solid var(--focus);outline-offset:-3px}
.grace{text-align:right;font-variant-numeric:tabular-nums}
#detail{border:1px solid var(--line);border-radius:10px;padding:14px 18px;margin-top:14px}
#detail p{margin:4px 0}
#detail h3{font-size:18px}
@media (max-width:760px){
.row{grid-template-columns:minmax(0,1fr) auto}
.row .of,.row .grace,.row .words{display:none}
#list{height:55vh}
.filters select{max-width:60vw}
#history label{flex-wrap:wrap}
#history input{flex-basis:100%}
}
`;
