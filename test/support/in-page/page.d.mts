export function sidewaysScroll(): number;
export function inspectPage(): { pale: string[]; broken: string[] };
export function outlineOfPage(): {
  title: string;
  language: string;
  headings: (string | null)[];
  tablesWithoutHeads: number;
  pictures: (string | null)[];
};
