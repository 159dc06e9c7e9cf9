export function rowsOf(rows: readonly unknown[]): string[];
export function openAll(details: readonly unknown[]): void;
export function focused(): { text?: string; id?: string };
export function goTo(hash: string): void;
export function structure(): { language: string; headings: number; mains: number; unnamed: string[]; repeatedIds: string[]; deadLinks: string[] };
