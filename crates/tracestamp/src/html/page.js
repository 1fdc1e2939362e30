'use strict';
(() => {
  const page = document.documentElement;
  page.classList.add('js');

  const grids = [...document.querySelectorAll('[role=treegrid]')].map((grid) => {
    const rows = [...grid.querySelectorAll('tr.span')];
    const details = (row) => document.getElementById(row.dataset.details);
    const level = (row) => Number(row.getAttribute('aria-level'));
    const folded = (row) => row.getAttribute('aria-expanded') === 'false';
    const visible = () => rows.filter((row) => !row.hidden);

    const refresh = () => {
      let below = Infinity;
      for (const row of rows) {
        row.hidden = level(row) > below;
        details(row).hidden = row.hidden;
        if (!row.hidden) below = folded(row) ? level(row) : Infinity;
      }
      if (!visible().includes(rows.find((row) => row.tabIndex === 0))) enter(visible()[0], false);
    };
    const fold = (row, yes) => {
      if (!row.hasAttribute('aria-expanded')) return;
      row.setAttribute('aria-expanded', String(!yes));
      refresh();
    };
    const foldAll = (yes) => {
      // The roots stay open: a page with one line tells nothing.
      for (const row of rows) if (row.hasAttribute('aria-expanded')) row.setAttribute('aria-expanded', String(!yes || level(row) === 1));
      refresh();
    };
    const open = (row, yes) => details(row).classList.toggle('open', yes);
    // One row of the grid at a time is in the order of the Tab key.
    const enter = (row, focus = true) => {
      if (!row) return;
      for (const other of rows) other.tabIndex = -1;
      row.tabIndex = 0;
      if (focus) row.focus();
    };
    const parent = (row) => rows.slice(0, rows.indexOf(row)).findLast((other) => level(other) < level(row));
    const moves = {
      ArrowDown: (row) => enter(visible()[visible().indexOf(row) + 1]),
      ArrowUp: (row) => enter(visible()[visible().indexOf(row) - 1]),
      Home: () => enter(visible()[0]),
      End: () => enter(visible().at(-1)),
      ArrowRight: (row) => (folded(row) ? fold(row, false) : row.hasAttribute('aria-expanded') && enter(rows[rows.indexOf(row) + 1])),
      ArrowLeft: (row) => (row.getAttribute('aria-expanded') === 'true' ? fold(row, true) : enter(parent(row))),
      Enter: (row) => open(row),
      ' ': (row) => open(row),
      Escape: (row) => open(row, false),
    };

    grid.addEventListener('keydown', (event) => {
      const row = event.target.closest('tr.span');
      const move = moves[event.key];
      if (!row || !move || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move(row);
    });
    grid.addEventListener('click', (event) => {
      const row = event.target.closest('tr.span');
      if (!row || !getSelection().isCollapsed) return;
      event.preventDefault();
      enter(row);
      if (event.target.closest('.twist') && row.hasAttribute('aria-expanded')) fold(row, !folded(row));
      else open(row);
    });
    for (const link of grid.querySelectorAll('td.name a')) link.tabIndex = -1;
    enter(rows[0], false);
    const linked = rows.find((row) => '#' + row.dataset.details === location.hash);
    if (linked) {
      open(linked, true);
      enter(linked);
      linked.scrollIntoView({ block: 'center' });
    }
    return { foldAll };
  });

  const themes = ['auto', 'light', 'dark'];
  const actions = {
    unfold: () => grids.forEach((grid) => grid.foldAll(false)),
    fold: () => grids.forEach((grid) => grid.foldAll(true)),
    theme: (button) => {
      const next = themes[(themes.indexOf(page.dataset.theme ?? 'auto') + 1) % themes.length];
      page.dataset.theme = next;
      button.textContent = `Theme: ${next}`;
    },
  };
  for (const button of document.querySelectorAll('[data-do]')) {
    button.addEventListener('click', () => actions[button.dataset.do](button));
  }
})();
