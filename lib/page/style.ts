/** The page's style: its own colours in light and dark, each pair with a contrast of at least 4.5 to 1. */
export const STYLE = `
:root{color-scheme:light dark;
--bg:#f6f7f9;--card:#fff;--ink:#16202e;--dim:#556273;--line:#dde2e9;--soft:#eef1f5;--link:#1652b8;--focus:#1652b8;
--good:#14703c;--good-bg:#dff3e6;--warn:#8a4b00;--warn-bg:#fdecd2;--bad:#b3202a;--bad-bg:#fde4e4;
--held:#6b3fa0;--held-bg:#efe5fa;--busy:#1652b8;--busy-bg:#e1ebfb;--idle:#4b5868;--idle-bg:#e7ebf0;
--c-confirmed:#2c9a5b;--c-unchanged:#9fd3b6;--c-superseded:#9aa7b6;--c-rejected:#e39a2d;--c-failed:#d23f49;--c-unconfirmed:#8b6cc4;
--shadow:0 1px 2px rgb(16 28 46/.06),0 4px 16px rgb(16 28 46/.05)}
@media (prefers-color-scheme:dark){:root{
--bg:#0e141c;--card:#161e29;--ink:#e8edf4;--dim:#9dabbd;--line:#2a3544;--soft:#1e2835;--link:#8ab4ff;--focus:#8ab4ff;
--good:#74d69b;--good-bg:#12331f;--warn:#f5bd6b;--warn-bg:#3a2811;--bad:#ff9a9a;--bad-bg:#421a1e;
--held:#cdb2f5;--held-bg:#2d2143;--busy:#8ab4ff;--busy-bg:#172c4f;--idle:#b3bfce;--idle-bg:#273241;
--c-confirmed:#37a866;--c-unchanged:#26573b;--c-superseded:#66758a;--c-rejected:#d9962f;--c-failed:#e05a62;--c-unconfirmed:#9a7fd1;
--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
a{color:var(--link);text-underline-offset:2px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px}.skip:focus{left:16px;top:8px;background:var(--card);padding:8px 12px;z-index:2}
header.top{background:var(--card);border-bottom:1px solid var(--line)}
.top>div,main{max-width:1200px;margin:0 auto;padding:0 24px}
.top>div{display:flex;align-items:center;gap:28px;min-height:60px;flex-wrap:wrap}
.brand{font-weight:650;font-size:16px;color:var(--ink);text-decoration:none;display:flex;gap:10px;align-items:center}
.brand svg{width:24px;height:24px}
nav a{color:var(--dim);text-decoration:none;padding:19px 2px;margin-right:20px;display:inline-block;border-bottom:2px solid transparent;font-weight:500}
nav a[aria-current]{color:var(--ink);border-color:var(--link)}
.top .now{margin-left:auto;color:var(--dim);font-size:13px}
main{padding-top:26px;padding-bottom:64px}
h1{font-size:24px;line-height:1.25;margin:0;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 14px;font-weight:620}
h3{font-size:14px;margin:0 0 6px}
p{margin:0 0 10px}
.dim{color:var(--dim)}.small{font-size:13px}.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}
.num{font-variant-numeric:tabular-nums;text-align:right;white-space:nowrap}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px;margin:0 0 20px;box-shadow:var(--shadow)}
.head{display:flex;gap:16px;align-items:flex-start;justify-content:space-between;flex-wrap:wrap;margin-bottom:20px}
.grid{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:20px}
@media (max-width:820px){.grid{grid-template-columns:minmax(0,1fr)}.top>div,main{padding-left:16px;padding-right:16px}.top .now{display:none}}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin:0 0 20px;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 18px;box-shadow:var(--shadow)}
.tiles b{display:block;font-size:26px;line-height:1.2;font-weight:640;font-variant-numeric:tabular-nums;letter-spacing:-.02em}
.tiles span{color:var(--dim);font-size:13px}
.tiles a{color:inherit;text-decoration:none}.tiles a:hover b{text-decoration:underline}
.tone-bad b{color:var(--bad)}.tone-held b{color:var(--held)}.tone-warn b{color:var(--warn)}
.badge{display:inline-flex;gap:6px;align-items:center;border-radius:999px;padding:2px 10px;font-size:13px;font-weight:560;white-space:nowrap}
.badge i{font-style:normal;font-size:11px}
.good{color:var(--good);background:var(--good-bg)}.warn{color:var(--warn);background:var(--warn-bg)}.bad{color:var(--bad);background:var(--bad-bg)}
.held{color:var(--held);background:var(--held-bg)}.busy{color:var(--busy);background:var(--busy-bg)}.idle{color:var(--idle);background:var(--idle-bg)}
.scroll{overflow-x:auto;margin:0 -22px;padding:0 22px}
table{border-collapse:collapse;width:100%;font-size:14px}
th{font-weight:560;color:var(--dim);font-size:13px;text-align:left;white-space:nowrap}
th,td{padding:10px 12px 10px 0;border-bottom:1px solid var(--line);vertical-align:top}
th.num{text-align:right}
tbody tr:last-child td,tbody tr:last-child th{border-bottom:0}
tbody tr:hover{background:var(--soft)}
td:first-child,th:first-child{padding-left:8px}td:last-child,th:last-child{padding-right:8px}
td a.file{font-weight:560;overflow-wrap:anywhere}
td .why{color:var(--dim);font-size:13px;max-width:44ch;overflow:hidden;text-overflow:ellipsis;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical}
pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
td code{background:var(--soft);border-radius:5px;padding:2px 6px;overflow-wrap:anywhere;white-space:pre-wrap}
form.filters{display:flex;flex-wrap:wrap;gap:12px 10px;align-items:end}
label{display:block;font-size:13px;color:var(--dim);font-weight:500}
input,select,textarea{font:inherit;font-size:14px;color:var(--ink);background:var(--bg);border:1px solid #7d8a9b;border-radius:8px;padding:7px 10px;display:block;margin-top:4px;min-width:0;height:38px}
input[type=search]{width:140px}select{max-width:132px}input[type=date]{width:138px}#rejects input[type=search]{width:240px}#rejects select{max-width:none}textarea{width:100%;height:84px}
select{padding-right:26px}
.nowrap{white-space:nowrap}time{white-space:nowrap}
.button,button{font:inherit;font-size:14px;font-weight:560;border:1px solid #7d8a9b;border-radius:8px;padding:7px 14px;background:var(--card);color:var(--ink);cursor:pointer;text-decoration:none;display:inline-block;line-height:1.5}
.button:hover,button:hover{background:var(--soft)}
.primary{background:#1652b8;border-color:#1652b8;color:#fff}.primary:hover{background:#104497}
.danger{background:#b3202a;border-color:#b3202a;color:#fff}.danger:hover{background:#8f1821}
.row{display:flex;gap:10px;flex-wrap:wrap;align-items:center}
.bar{display:block;width:100%;height:10px;border-radius:5px;background:var(--soft);overflow:hidden}
.mini{width:110px;height:7px;margin-top:6px;margin-left:auto}
${
  ["confirmed", "unchanged", "superseded", "rejected", "failed", "unconfirmed"].map((o) =>
    `.o-${o}{fill:var(--c-${o})}.dot.o-${o}{background:var(--c-${o})}`
  ).join("")
}
.dot{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:7px}
.legend{display:flex;gap:6px 18px;flex-wrap:wrap;list-style:none;margin:10px 0 0;padding:0;font-size:13px;color:var(--dim)}
svg text{fill:var(--dim);font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
svg .axis{stroke:var(--line)}svg .prog{fill:var(--busy)}svg .stage{fill:var(--busy)}svg .rest{fill:var(--soft)}
.chart{width:100%;height:auto;display:block}
.sum{display:flex;flex-wrap:wrap;gap:8px;align-items:stretch;margin:0 0 6px}
.sum>div{background:var(--soft);border-radius:10px;padding:9px 14px;min-width:92px}
.sum b{display:block;font-size:20px;font-weight:640;font-variant-numeric:tabular-nums;line-height:1.3}
.sum span{font-size:13px;color:var(--dim);white-space:nowrap}
.sum .op{background:none;padding:9px 0;min-width:0;align-self:center;font-size:20px;color:var(--dim)}
.sum .total{background:var(--busy-bg)}
.check{font-size:13px;margin:0 0 16px;color:var(--good)}.check.off{color:var(--bad)}
.note{border-radius:12px;padding:14px 18px;margin:0 0 20px;border:1px solid transparent}
.note p:last-child{margin:0}
dl.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:8px 20px;margin:0;font-size:14px}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
ol.time{list-style:none;margin:0;padding:0;position:relative}
ol.time li{position:relative;padding:0 0 14px 26px}
ol.time li::before{content:"";position:absolute;left:5px;top:7px;width:9px;height:9px;border-radius:50%;background:var(--link)}
ol.time li::after{content:"";position:absolute;left:9px;top:20px;bottom:-4px;width:1px;background:var(--line)}
ol.time li:last-child::after{display:none}
ol.time li.t-bad::before{background:var(--bad)}ol.time li.t-good::before{background:var(--good)}ol.time li.t-warn::before{background:var(--warn)}ol.time li.t-held::before{background:var(--held)}
.empty{text-align:center;padding:36px 0;color:var(--dim)}
summary{cursor:pointer;font-size:13px;color:var(--link);margin-top:10px}
.narrow{max-width:640px}
.head.tight{margin:0 0 6px}.running+.running{margin-top:16px}form.filters{margin-bottom:14px}.row a[aria-current]{color:var(--ink);font-weight:600;text-decoration:none}
.narrow{max-width:640px}
figure.plain{margin:0}
footer{color:var(--dim);font-size:13px;max-width:1200px;margin:0 auto;padding:0 24px 32px}
@media (max-width:820px){.scroll .chart{min-width:620px}.card{padding:16px}.scroll{margin:0 -16px;padding:0 16px}td .why{min-width:22ch}td a.file{display:inline-block;min-width:18ch}}
@media (forced-colors:active){.badge{border:1px solid}}
@media print{nav,form,.actions{display:none}}
`;
