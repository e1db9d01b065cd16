// Replaces the npm package `react-style-singleton` (see build.mjs), by which dialogs stop the page behind from scrolling.
//
// The package adds a <style> element, which `style-src 'self'` refuses. A constructed style sheet is not inline
// style: only a script that the policy already allows can make one.

import { useEffect } from 'react';

/** A style sheet that the document has while at least one user of it is there. */
export function stylesheetSingleton() {
  let users = 0;
  let sheet = null;
  return {
    add(css) {
      users += 1;
      if (users > 1) return;
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    },
    remove() {
      users -= 1;
      if (users > 0) return;
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      sheet = null;
    },
  };
}

/** The same, as a hook: the style sheet is there while the component is mounted. */
export function styleHookSingleton() {
  const sheet = stylesheetSingleton();
  return function useStyle(css, isDynamic) {
    useEffect(() => {
      sheet.add(css);
      return () => sheet.remove();
    }, [css && isDynamic]);
  };
}

/** The same, as a component that renders nothing. */
export function styleSingleton() {
  const useStyle = styleHookSingleton();
  return function Sheet({ styles, dynamic }) {
    useStyle(styles, dynamic);
    return null;
  };
}
