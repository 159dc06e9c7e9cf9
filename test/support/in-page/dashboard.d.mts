export function scrollThrough(): string[];
export function rowsOnScreen(): string[];
export function rowCounts(): { existing: number; told: number };
export function markedRow(): string | undefined;
export function focusedText(): string;
