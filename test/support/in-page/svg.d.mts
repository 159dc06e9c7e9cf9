interface Place {
  readonly x: number;
  readonly width: number;
  readonly top: number;
  readonly bottom: number;
}

interface DrawnPanel {
  readonly lanes: readonly (string | null)[];
  readonly ticks: readonly string[];
  readonly top: number;
  readonly bottom: number;
}

/** Texts that are outside the picture, cut off by their bar, too small, too pale, or on top of another text. */
export function inspectSvg(): Record<'outside' | 'overflowing' | 'small' | 'pale' | 'overlapping', string[]>;
export function panelsOfSvg(): DrawnPanel[];
export function cutOfSvg(): Record<'cut' | 'lost' | 'first' | 'last', Place>;
export function accessibleSvg(): { role: string | null; title: string; desc: string };
export function pageFill(): string;
export function xmlProblem(text: string): string | null;
