'use strict';
(() => {
  const data = JSON.parse(document.getElementById('report').textContent);
  const report = data.report;
  const OUTCOMES = data.outcomes; // rows name them by their places; the first is SILENTLY_WRONG
  const OUTCOME_TONES = {SILENTLY_WRONG: 'wrong', PARTIAL: 'open', REJECTS: 'refused', APPROXIMATE: 'near', EXACT: 'right', UNKNOWN: 'none'};
  const VERDICT_TONES = {SILENTLY_WRONG: 'wrong', UNREADABLE: 'broken', AMBIGUOUS: 'open', NOT_EVERYWHERE: 'refused', RIGHT: 'right', NO_ADAPTER: 'none'};
  const AXES = ['INPUT', 'OUTPUT', 'MIXED', 'AMBIGUOUS', 'NONE'];
  const PAGE_ROWS = 50;
  const NOTHING = '\u2013';

  const byId = id => document.getElementById(id);
  const number = value => value.toLocaleString('en');
  const share = (part, whole) => whole ? (100 * part / whole).toFixed(part && part / whole < 0.1 ? 1 : 0) + ' %' : '0 %';
  const sum = object => Object.values(object).reduce((a, b) => a + b, 0);
  const words = name => name.toLowerCase().replaceAll('_', ' ');

  /** An element; texts become text nodes, never markup. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === 'onclick') element.addEventListener('click', value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  }

  function say(text) {
    byId('said').textContent = text;
  }

  // ---- the numbers -------------------------------------------------------------------------------------------------------

  function head() {
    const run = report.run;
    const time = run.started_at.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
    byId('run').textContent = `${number(run.checkpoints)} checkpoints, ${number(run.adapters)} of them adapters, below ${run.inputs.join(', ')}; audited ${time}`;
    byId('made').textContent = `Run ${run.run_id} of Doraxis ${run.tool_version}, rules ${run.rules_version}.`;
    document.title = `Doraxis report of ${run.inputs.join(', ')}`;
  }

  function verdicts() {
    for (const verdict of data.verdicts) {
      const count = report.verdicts[verdict.name] ?? 0;
      byId('verdicts').append(make('li', {},
        make('button', {type: 'button', class: 'tone-' + VERDICT_TONES[verdict.name], title: 'Show these checkpoints',
          onclick: () => only({verdict: verdict.name})},
          make('span', {class: 'swatch', 'aria-hidden': 'true'}), make('span', {}, verdict.label),
          make('strong', {}, `${number(count)} (${share(count, report.run.checkpoints)})`),
          make('small', {}, verdict.meaning))));
    }
  }

  function consumers() {
    const table = byId('consumers');
    table.append(make('thead', {}, make('tr', {}, make('th', {scope: 'col'}, 'Program'),
      ...OUTCOMES.map(outcome => make('th', {scope: 'col'}, words(outcome))))));
    const body = make('tbody');
    for (const consumer of report.consumers) {
      const all = sum(consumer.outcomes);
      const why = make('button', {type: 'button', 'aria-expanded': 'false', 'aria-controls': 'rules', onclick: () => rules(consumer, why)}, consumer.name);
      const row = make('tr', {}, make('th', {scope: 'row'}, why));
      for (const outcome of OUTCOMES) {
        const count = consumer.outcomes[outcome] ?? 0;
        const cell = make('td', {class: 'tone-' + OUTCOME_TONES[outcome]});
        if (count) {
          cell.style.setProperty('--share', Math.round(10 + 45 * count / all) + '%');
          cell.append(make('button', {type: 'button', 'aria-label': `${number(count)} ${words(outcome)} with ${consumer.name}: show them`,
            onclick: () => only({program: consumer.name, outcome})}, number(count)));
        } else {
          cell.append(make('span', {class: 'zero'}, '0'));
        }
        row.append(cell);
      }
      body.append(row);
    }
    table.append(body);
    if (!report.consumers.length) table.replaceWith(make('p', {}, 'There is no adapter.'));
  }

  function rules(consumer, button) {
    const open = button.getAttribute('aria-expanded') === 'true';
    document.querySelectorAll('#consumers th button').forEach(each => each.setAttribute('aria-expanded', 'false'));
    byId('rules').replaceChildren();
    if (open) return;
    button.setAttribute('aria-expanded', 'true');
    byId('rules').append(make('div', {}, make('h3', {}, `Why, with ${consumer.name}`),
      table(['Adapters', 'Outcome', 'Rule'], consumer.rules.slice(0, 20).map(rule =>
        [number(rule.checkpoints), badge(rule.outcome), rule.reason.startsWith(consumer.name + '/') ? rule.reason.slice(consumer.name.length + 1) : rule.reason]))));
  }

  /** A small table; the first column holds numbers. */
  function table(titles, rows) {
    return make('table', {class: 'stack'}, make('thead', {}, make('tr', {}, ...titles.map((title, i) => make('th', {scope: 'col', class: i ? null : 'number'}, title)))),
      make('tbody', {}, ...rows.map(row => make('tr', {}, ...row.map((cell, i) => make('td', {class: i ? null : 'number', 'data-label': titles[i]}, cell))))));
  }

  function badge(name) {
    return make('span', {class: 'badge tone-' + (OUTCOME_TONES[name] ?? VERDICT_TONES[name] ?? 'none')}, words(name));
  }

  function counted(id, title, counts, column) {
    const rows = Object.entries(counts).map(([name, count]) => [number(count),
      column ? make('button', {type: 'button', class: 'link', onclick: () => only({[column]: name === 'unknown' ? '' : name})}, name.replaceAll('|', ' or ')) : name]);
    byId(id).append(make('details', {}, make('summary', {}, 'As a table'), table(['Adapters', title], rows)));
  }

  function errors() {
    if (!report.errors.length) {
      byId('errors').append(make('p', {}, 'Everything could be read.'));
      return;
    }
    byId('errors').append(table(['Checkpoints', 'Code', 'One of them'], report.errors.map(error =>
      [number(error.checkpoints), make('button', {type: 'button', class: 'link code', onclick: () => only({error: error.code})}, error.code), error.example ?? ''])));
  }

  function sentence(change) {
    return change.what === 'axis' || change.what === 'status'
      ? `${change.what} ${change.from}, now ${change.to}`
      : `became ${words(change.to)} with ${change.what}; before: ${words(change.from)}`;
  }

  function differences() {
    const card = byId('differences');
    const differences = report.differences;
    if (!differences) {
      card.append(make('p', {}, 'This is the first run.'));
      return;
    }
    const rules = differences.from_rules_version === report.run.rules_version ? '' : ` The rules changed from ${differences.from_rules_version} to ${report.run.rules_version}.`;
    card.append(make('p', {class: 'muted'}, `Against run ${differences.from_run}: ${number(differences.appeared)} checkpoints appeared, ${number(differences.gone)} are gone.${rules}`));
    if (!differences.changes.length) {
      card.append(make('p', {}, 'Of the others none changed.'));
      return;
    }
    const rows = differences.changes.map(change => [number(change.checkpoints), sentence(change), number(change.same_files),
      make('div', {}, ...change.examples.slice(0, 2).map(uri =>
        make('div', {}, make('button', {type: 'button', class: 'link', onclick: () => only({search: uri})}, tail(uri)))))]);
    const titles = ['Checkpoints', 'Change', 'With the same bytes', 'Such as'];
    card.append(table(titles, rows.slice(0, 12)));
    if (rows.length > 12) card.append(make('details', {}, make('summary', {}, `${number(rows.length - 12)} more`), table(titles, rows.slice(12))));
    card.append(make('p', {class: 'muted'}, 'Where the bytes are the same, the rules or the options made the difference.'));
  }

  // ---- charts ------------------------------------------------------------------------------------------------------------

  const drawn = [];

  function tone(name) {
    return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  }

  function chart(id, label, config) {
    const canvas = byId(id);
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', label);
    drawn.push([canvas, config]);
  }

  function draw() {
    Chart.defaults.animation = false;
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.color = tone('muted');
    Chart.defaults.borderColor = tone('line');
    for (const [canvas, config] of drawn) {
      Chart.getChart(canvas)?.destroy();
      new Chart(canvas, config());
    }
  }

  const bars = (stacked, legend) => ({indexAxis: 'y', maintainAspectRatio: false,
    scales: {x: {stacked, beginAtZero: true, ticks: {precision: 0, maxTicksLimit: 6}}, y: {stacked, grid: {display: false}}},
    plugins: {legend: {display: legend, position: 'bottom', labels: {boxWidth: 12}}}});

  function fitted(id, lines) {
    byId(id).parentElement.style.height = Math.max(9, 4.5 + 1.9 * lines) + 'rem';
  }

  function charts() {
    chart('verdicts-chart', 'Checkpoints by verdict: ' + data.verdicts.map(v => `${v.label} ${number(report.verdicts[v.name] ?? 0)}`).join(', '), () => {
      const options = bars(true, false);
      options.scales.x.display = options.scales.y.display = false;
      options.scales.x.max = report.run.checkpoints;
      return {type: 'bar', options, data: {labels: ['Checkpoints'], datasets: data.verdicts.map(verdict =>
        ({label: verdict.label, data: [report.verdicts[verdict.name] ?? 0], backgroundColor: tone(VERDICT_TONES[verdict.name])}))}};
    });
    const algorithms = Object.keys(report.algorithms);
    fitted('algorithms-chart', algorithms.length);
    chart('algorithms-chart', 'Adapters by algorithm and axis; the table below has the numbers', () => ({type: 'bar', options: bars(true, true),
      data: {labels: algorithms, datasets: AXES.filter(axis => algorithms.some(name => report.algorithms[name][axis])).map(axis =>
        ({label: axis, data: algorithms.map(name => report.algorithms[name][axis] ?? 0), backgroundColor: tone('axis-' + axis.toLowerCase())}))}}));
    const families = Object.entries(report.families).slice(0, 12);
    fitted('families-chart', families.length);
    chart('families-chart', 'Adapters by base family; the table below has the numbers', () => ({type: 'bar', options: bars(false, false),
      data: {labels: families.map(([name]) => name.length > 28 ? name.slice(0, 27) + '\u2026' : name), datasets: [{label: 'Adapters', data: families.map(([, count]) => count), backgroundColor: tone('axis-output'), maxBarThickness: 22}]}}));
    trend();
  }

  function algorithmTable() {
    const axes = AXES.filter(axis => Object.values(report.algorithms).some(counts => counts[axis]));
    byId('algorithms').append(make('details', {}, make('summary', {}, 'As a table'),
      table(['Adapters', 'Algorithm', 'Axis'], Object.entries(report.algorithms).flatMap(([algorithm, counts]) => axes.filter(axis => counts[axis]).map(axis =>
        [number(counts[axis]), make('button', {type: 'button', class: 'link', onclick: () => only({algorithm, axis})}, algorithm), axis])))));
    const exports = Object.entries(report.exports).map(([name, count]) => `${words(name)} ${number(count)}`).join(', ');
    if (exports) byId('algorithms').append(make('p', {class: 'muted'}, `In PEFT's layout: ${exports}.`));
  }

  function trend() {
    const runs = report.trend.slice(-100);
    if (runs.length < 2) {
      byId('trend-chart').parentElement.hidden = true;
      byId('trend').append(make('p', {}, 'One run has ended so far; later ones are shown here.'));
      return;
    }
    const worst = report.consumers.filter(consumer => consumer.outcomes.SILENTLY_WRONG).slice(0, 4).map(consumer => consumer.name);
    const lines = [['Unreadable', 'broken', run => run.unreadable],
      ...worst.map((name, i) => [`Silently wrong with ${name}`, ['wrong', 'open', 'axis-output', 'near'][i], run => run.silently_wrong[name] ?? 0])];
    chart('trend-chart', 'Runs over time; the table below has the numbers', () => ({type: 'line',
      options: {maintainAspectRatio: false, interaction: {mode: 'index', intersect: false}, scales: {y: {beginAtZero: true, ticks: {precision: 0}}, x: {grid: {display: false}}},
        plugins: {legend: {position: 'bottom', labels: {boxWidth: 12}}}},
      data: {labels: runs.map(run => run.started_at.slice(0, 16).replace('T', ' ')),
        datasets: lines.map(([label, color, value]) => ({label, data: runs.map(value), borderColor: tone(color), backgroundColor: tone(color), borderWidth: 2, pointRadius: 3}))}}));
    byId('trend').append(make('details', {}, make('summary', {}, 'As a table'), make('div', {class: 'scroll'},
      table(['Checkpoints', 'Run', ...lines.map(([label]) => label)], runs.map(run => [number(run.checkpoints), run.run_id, ...lines.map(([, , value]) => number(value(run)))])))));
    if (report.trend.length > runs.length) byId('trend').append(make('p', {class: 'muted'}, `The last 100 of ${number(report.trend.length)} runs.`));
  }

  // ---- rows --------------------------------------------------------------------------------------------------------------

  let rows = 0;
  const uris = [];
  const columns = {};
  let shown = [];
  let page = 0;
  let sorting = {by: 'order', down: false};
  let chosen = {};

  /** A column of ids into its distinct values. */
  class Column {
    constructor(size) {
      this.ids = new Uint32Array(size);
      this.values = [];
      this.known = new Map();
    }

    add(part, from) {
      const own = part.values.map(value => {
        let id = this.known.get(value);
        if (id === undefined) {
          id = this.values.push(value) - 1;
          this.known.set(value, id);
        }
        return id;
      });
      part.ids.forEach((id, i) => { this.ids[from + i] = own[id]; });
    }

    at(row) {
      return this.values[this.ids[row]];
    }

    /** For each id its place among the sorted values; what has none comes last. */
    ranks(key = value => value) {
      return ranks(this.values.map(key));
    }
  }

  function ranks(keys) {
    const order = keys.map((key, i) => i).sort((a, b) => {
      const [x, y] = [keys[a], keys[b]];
      return x === null || x === '' ? (y === null || y === '' ? 0 : 1) : y === null || y === '' ? -1 : x < y ? -1 : x > y ? 1 : 0;
    });
    const places = new Float64Array(keys.length);
    let place = 0;
    order.forEach((id, i) => {
      if (i && keys[id] !== keys[order[i - 1]]) place++;
      places[id] = place;
    });
    return places;
  }

  async function inflated(base64) {
    const bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return JSON.parse(await new Response(stream).text());
  }

  async function load() {
    const parts = [...document.querySelectorAll('script.rows')];
    const size = parts.reduce((total, part) => total + Number(part.dataset.rows), 0);
    for (const part of parts) {
      const {uri, ...rest} = await inflated(part.textContent);
      part.remove();
      for (const [name, values] of Object.entries(rest)) (columns[name] ??= new Column(size)).add(values, rows);
      for (const each of uri) uris.push(each);
      rows += uri.length;
      byId('found').textContent = `Reading the rows: ${number(rows)} of ${number(size)} ...`;
    }
    for (const column of Object.values(columns)) column.known = null;
    if (rows < report.run.checkpoints) {
      byId('left-out').hidden = false;
      byId('left-out').textContent = `The list holds the worst ${number(rows)} of ${number(report.run.checkpoints)} checkpoints; the numbers above are of all. The tables have the others.`;
    }
  }

  const FILTERS = [['verdict', 'Verdict'], ['algorithm', 'Algorithm'], ['axis', 'Axis'], ['family', 'Base'], ['export', 'In PEFT\'s layout'], ['error', 'Error'], ['license', 'Licence']];

  function option(value, text = value) {
    return make('option', {value}, text);
  }

  function select(name, title, options) {
    const list = make('select', {id: 'filter-' + name}, option('*', 'any'), ...options);
    list.addEventListener('change', () => {
      if (list.value === '*') delete chosen[name];
      else chosen[name] = list.value;
      update();
    });
    byId('filters').append(make('label', {}, title, list));
  }

  function filters() {
    for (const [name, title] of FILTERS) {
      const counts = new Map();
      const column = columns[name];
      for (let row = 0; row < rows; row++) counts.set(column.ids[row], (counts.get(column.ids[row]) ?? 0) + 1);
      const options = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 200).map(([id, count]) => {
        const value = column.values[id] ?? '';
        const label = name === 'verdict' ? data.verdicts.find(verdict => verdict.name === value).label : value.replaceAll('|', ' or ') || 'none';
        return option(value, `${label} (${number(count)})`);
      });
      select(name, title, options);
    }
    select('program', 'Program', report.consumers.map(consumer => option(consumer.name)));
    select('outcome', 'Outcome', OUTCOMES.map(outcome => option(outcome, words(outcome))));
    let typing;
    const search = () => {
      clearTimeout(typing);
      chosen.search = byId('search').value;
      update();
    };
    byId('search').addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(search, 120);
    });
    byId('filters').addEventListener('submit', event => {
      event.preventDefault();
      search();
    });
  }

  /** Shows only what these filters leave, and goes there. */
  function only(wanted) {
    chosen = {...wanted};
    byId('search').value = wanted.search ?? '';
    document.querySelectorAll('#filters select[id^=filter-]').forEach(list => {
      const value = wanted[list.id.slice('filter-'.length)];
      if (value !== undefined && ![...list.options].some(each => each.value === value)) list.append(option(value));
      list.value = value ?? '*';
    });
    update();
    byId('checkpoints').focus({preventScroll: true});
    byId('checkpoints').scrollIntoView();
  }

  /** For each value of a column whether it passes; null where all do. */
  function passing(column, test) {
    return Uint8Array.from(column.values, value => test(value) ? 1 : 0);
  }

  function tests() {
    const list = [];
    for (const [name] of FILTERS) {
      if (chosen[name] !== undefined) list.push([columns[name].ids, passing(columns[name], value => (value ?? '') === chosen[name])]);
    }
    const program = report.consumers.findIndex(consumer => consumer.name === chosen.program);
    if (chosen.program !== undefined || chosen.outcome !== undefined) {
      const letter = OUTCOMES.indexOf(chosen.outcome);
      list.push([columns.outcomes.ids, passing(columns.outcomes, value => {
        const letters = value ?? '';
        if (letter < 0) return letters[program] !== undefined && letters[program] !== ' ';
        return program < 0 ? letters.includes(String(letter)) : letters[program] === String(letter);
      })]);
    }
    return list;
  }

  const SEARCHED = ['algorithm', 'family', 'error', 'license'];
  let lowered = null;

  function searched(terms) {
    if (!terms.length) return null;
    lowered ??= uris.map(uri => uri.toLowerCase());
    const perTerm = terms.map(term => SEARCHED.map(name => [columns[name].ids, passing(columns[name], value => value !== null && value.toLowerCase().includes(term))]));
    return row => terms.every((term, i) => lowered[row].includes(term) || perTerm[i].some(([ids, passes]) => passes[ids[row]]));
  }

  const KEYS = {
    rank: value => value === null ? null : Number(value.split('-')[0]),
    verdict: value => data.verdicts.findIndex(verdict => verdict.name === value),
    outcomes: value => value === null ? null : value.split('0').length - 1
  };
  const ranked = {};

  function sorted(found) {
    const {by, down} = sorting;
    if (by === 'order') return found;
    const places = ranked[by] ??= by === 'uri' ? ranks(uris) : columns[by].ranks(KEYS[by]);
    const ids = by === 'uri' ? null : columns[by].ids;
    const last = places.reduce((a, b) => Math.max(a, b), 0);
    const keys = new Float64Array(found.length);
    for (let i = 0; i < found.length; i++) {
      const place = places[ids ? ids[found[i]] : found[i]];
      keys[i] = (down ? last - place : place) * rows + found[i];
    }
    keys.sort();
    return Array.from(keys, key => key % rows);
  }

  function update() {
    const list = tests();
    const matches = searched((chosen.search ?? '').toLowerCase().split(/\s+/).filter(Boolean));
    const found = [];
    for (let row = 0; row < rows; row++) {
      if (list.every(([ids, passes]) => passes[ids[row]]) && (!matches || matches(row))) found.push(row);
    }
    shown = sorted(found);
    page = 0;
    byId('found').textContent = `${number(shown.length)} of ${number(rows)} checkpoints` + (shown.length < rows ? ' match' : '');
    byId('clear').disabled = !Object.values(chosen).some(value => value !== '');
    show();
  }

  // ---- the table ---------------------------------------------------------------------------------------------------------

  const COLUMNS = [['uri', 'Checkpoint', 'name'], ['verdict', 'Verdict', 'verdict'], ['outcomes', 'Wrong in', 'size number'], ['algorithm', 'Algorithm'], ['axis', 'Axis'],
    ['family', 'Base'], ['rank', 'Rank', 'short'], ['bytes', 'Size', 'size number'], [null, 'Fix', 'size']];

  function headings() {
    const row = make('tr');
    for (const [by, title, kind] of COLUMNS) {
      row.append(make('th', {scope: 'col', class: kind, 'data-by': by}, by ? make('button', {type: 'button', onclick: () => sortBy(by)}, title) : title));
      if (by) byId('sort').append(option(by, title));
    }
    document.querySelector('#rows thead').append(row);
    byId('sort').prepend(option('order', 'the worst first'));
    byId('sort').addEventListener('change', () => sortBy(byId('sort').value));
  }

  function sortBy(by) {
    const again = sorting.by === by;
    // numbers begin with the largest
    sorting = {by, down: again ? !sorting.down : by === 'bytes' || by === 'outcomes'};
    document.querySelectorAll('#rows th[data-by]').forEach(heading => {
      if (heading.dataset.by === by) heading.setAttribute('aria-sort', sorting.down ? 'descending' : 'ascending');
      else heading.removeAttribute('aria-sort');
    });
    byId('sort').value = by;
    update();
  }

  function tail(uri) {
    return uri.split('/').filter(Boolean).slice(-2).join('/');
  }

  function size(bytes) {
    if (bytes === null) return '';
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    let unit = 0;
    for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
    return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
  }

  function show() {
    const body = document.querySelector('#rows tbody');
    body.replaceChildren(...shown.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS).map(rowOf));
    const pages = Math.max(1, Math.ceil(shown.length / PAGE_ROWS));
    byId('page').textContent = `Page ${number(page + 1)} of ${number(pages)}`;
    byId('previous').disabled = page === 0;
    byId('next').disabled = page >= pages - 1;
  }

  function rowOf(row) {
    const uri = uris[row];
    const open = make('button', {type: 'button', 'aria-expanded': 'false', onclick: () => toggle(row, open)}, tail(uri), make('small', {}, uri));
    const wrong = KEYS.outcomes(columns.outcomes.at(row));
    const axis = columns.axis.at(row);
    const confidence = columns.confidence.at(row);
    const fix = steps(row).find(step => step.command);
    const cells = [open, badge(columns.verdict.at(row)), wrong === null ? '' : String(wrong), columns.algorithm.at(row) ?? columns.error.at(row) ?? columns.kind.at(row) ?? '',
      make('span', {}, axis ?? '', axis && axis !== 'NONE' && confidence ? make('small', {class: 'muted'}, ' ' + words(confidence)) : null), (columns.family.at(row) ?? '').replaceAll('|', ' or '), columns.rank.at(row) ?? '', size(columns.bytes.at(row)),
      fix ? make('button', {type: 'button', title: fix.command, 'aria-label': 'Copy the command that mends ' + tail(uri), onclick: event => copy(fix.command, event.currentTarget)}, 'Copy') : ''];
    return make('tr', {}, ...cells.map((cell, i) => make('td', {class: COLUMNS[i][2], 'data-label': i ? COLUMNS[i][1] : null}, cell)));
  }

  /** As one word of a shell. */
  function quoted(word) {
    return "'" + word.replaceAll("'", "'\\''") + "'";
  }

  function steps(row) {
    return JSON.parse(columns.advice.at(row)).map(({text, command}) => ({text, command: command && command.replace('{uri}', () => quoted(uris[row]))}));
  }

  function toggle(row, button) {
    const open = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!open));
    const after = button.closest('tr');
    if (open) after.nextElementSibling.remove();
    else after.after(make('tr', {class: 'detail'}, make('td', {colspan: COLUMNS.length}, ...details(row))));
  }

  function part(title, ...children) {
    return make('section', {}, make('h3', {}, title), ...children);
  }

  const listed = lines => make('ul', {}, ...lines.map(line => make('li', {}, line)));

  function details(row) {
    const facts = [['Kind', 'kind'], ['Container', 'container'], ['Names', 'dialect'], ['Status', 'status'], ['Licence', 'license']].filter(([, name]) => columns[name].at(row));
    const parts = [make('dl', {}, ...facts.map(([title, name]) => make('div', {}, make('dt', {}, title), make('dd', {}, columns[name].at(row)))))];
    if (columns.message.at(row)) parts.push(part(`Error ${columns.error.at(row) ?? ''}`, make('p', {}, columns.message.at(row))));
    const advice = steps(row);
    if (advice.length) {
      parts.push(part('What to do', ...advice.flatMap(step => [make('p', {}, step.text), step.command ? make('div', {class: 'command'}, make('code', {}, step.command),
        make('button', {type: 'button', onclick: event => copy(step.command, event.currentTarget)}, 'Copy')) : null])));
    }
    const evidence = JSON.parse(columns.evidence.at(row));
    if (evidence.length) parts.push(part('What the axis rests on', listed(evidence)));
    const notes = JSON.parse(columns.notes.at(row));
    if (notes.length) parts.push(part('Noticed', listed(notes)));
    if (columns.export.at(row)) parts.push(part("In PEFT's layout", make('p', {}, `${words(columns.export.at(row))}: ${columns.exportReason.at(row)}`)));
    const letters = columns.outcomes.at(row);
    if (letters) {
      const reasons = JSON.parse(columns.reasons.at(row));
      const predictions = report.consumers.map((consumer, i) => [consumer.name, letters[i], reasons[i]]).filter(([, letter]) => letter !== ' ' && letter !== undefined).sort((a, b) => a[1] - b[1]);
      parts.push(part('What programs do with it', make('table', {class: 'stack'}, make('tbody', {}, ...predictions.map(([name, letter, reason]) =>
        make('tr', {}, make('th', {scope: 'row', class: 'program'}, name), make('td', {class: 'outcome'}, badge(OUTCOMES[letter])), make('td', {}, reason)))))));
    }
    return parts;
  }

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make('textarea', {class: 'hidden'}); // a page that may not use the clipboard's interface
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    say('The command is on the clipboard');
  }

  // ---- CSV ---------------------------------------------------------------------------------------------------------------

  /** Quoted, and no formula for a spreadsheet, whatever a file is called. */
  function cell(value) {
    const text = value === null || value === undefined ? '' : String(value);
    return '"' + (/^[=+\-@\t\r\n]/.test(text) ? "'" : '') + text.replaceAll('"', '""') + '"';
  }

  const CSV = ['verdict', 'status', 'kind', 'container', 'dialect', 'algorithm', 'axis', 'confidence', 'family', 'rank', 'bytes', 'license', 'export', 'error', 'message'];

  function csvOf(list) {
    const lines = [['uri', ...CSV, ...report.consumers.map(consumer => consumer.name), 'fix'].map(cell).join(',')];
    for (const row of list) {
      const letters = columns.outcomes.at(row) ?? '';
      const fix = steps(row).find(step => step.command);
      lines.push([uris[row], ...CSV.map(name => columns[name].at(row)), ...report.consumers.map((consumer, i) => OUTCOMES[letters[i]]), fix && fix.command].map(cell).join(','));
    }
    return lines.join('\r\n') + '\r\n';
  }

  function exportCsv() {
    const url = URL.createObjectURL(new Blob([csvOf(shown)], {type: 'text/csv'}));
    const link = make('a', {href: url, download: `doraxis-${report.run.run_id}.csv`});
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    say(`${number(shown.length)} checkpoints exported`);
  }

  // ---- light and dark ----------------------------------------------------------------------------------------------------

  function theme(dark) {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
    byId('theme').textContent = dark ? 'Light' : 'Dark';
    byId('theme').setAttribute('aria-label', dark ? 'Switch to light colours' : 'Switch to dark colours');
    draw();
  }

  async function start() {
    head();
    verdicts();
    consumers();
    errors();
    differences();
    algorithmTable();
    counted('families', 'Base', report.families, 'family');
    charts();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    theme(dark.matches);
    dark.addEventListener('change', () => theme(dark.matches));
    byId('theme').addEventListener('click', () => theme(document.documentElement.dataset.theme !== 'dark'));
    await new Promise(ready => document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', ready) : ready());
    try {
      await load();
    } catch (error) {
      byId('found').textContent = `The rows cannot be shown: ${error.message}. A browser of 2023 or later is needed.`;
      return;
    }
    headings();
    filters();
    byId('previous').addEventListener('click', () => { page--; show(); });
    byId('next').addEventListener('click', () => { page++; show(); });
    byId('clear').addEventListener('click', () => only({}));
    byId('csv').addEventListener('click', exportCsv);
    update();
    document.body.dataset.ready = String(Math.round(performance.now()));
  }

  start();
})();
