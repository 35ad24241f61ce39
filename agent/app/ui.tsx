/** The pieces that screens are made of. Their looks: app.css. */
import { encodeQR } from "qr";
import type { ComponentChildren, VNode } from "preact";
import { useId, useState } from "preact/hooks";
import type { AppContext } from "./app-context.ts";
import type { Language, Texts } from "./language.ts";

const ICONS = {
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6zM12 15v2",
  unlocked: "M7 11V8a5 5 0 0 1 9.6-2M6 11h12v9H6zM12 15v2",
  key: "M8.5 19a4.5 4.5 0 1 1 3.2-7.7L20 3v4h-2.5v2.5H15l-1.6 1.6A4.5 4.5 0 0 1 8.5 19z",
  wallet: "M4 7h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM4 7V6a2 2 0 0 1 2-2h10v3M16 13.5h1",
  contract: "M6 3h9l4 4v14H6zM14 3v5h5M9 12h7M9 16h7",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7",
  share: "M12 15V4M8 8l4-4 4 4M5 12v8h14v-8",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  door: "M6 21V4h12v17M4 21h16M14.5 12v1",
  log: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  radio: "M8 8l8 8-4 4V4l4 4-8 8",
  network: "M12 8V5M12 5h.01M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8M12 16v3M8.5 14l-3 2M15.5 14l3 2",
  wait: "M12 3a9 9 0 1 1-6.4 2.6",
  drone: "M5 5l5 5M19 5l-5 5M5 19l5-5M19 19l-5-5M10 10h4v4h-4z",
} as const;
export type IconName = keyof typeof ICONS;

export function Icon({ name, spins = false }: { name: IconName; spins?: boolean }): VNode {
  return (
    <svg class={spins ? "icon spin" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

interface ButtonProps {
  children: ComponentChildren;
  /** While it runs the button waits; what it throws is told. */
  act: () => unknown;
  context: Pick<AppContext, "fail" | "hush">;
  look?: "primary" | "danger" | "plain" | "big primary";
  icon?: IconName;
  disabled?: boolean;
  /** For screen readers, where the text alone does not say it. */
  label?: string;
}

export function Button({ children, act, context, look, icon, disabled, label }: ButtonProps): VNode {
  const [busy, run] = useAct(context);
  return (
    <button
      type="button"
      class={`button ${look ?? ""} ${busy ? "busy" : ""}`}
      disabled={disabled === true}
      aria-disabled={busy}
      aria-busy={busy}
      aria-label={label}
      onClick={() => run(act)}
    >
      {busy ? <Icon name="wait" spins /> : icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** One thing at a time: whether it runs, and what starts it. */
export function useAct(context: Pick<AppContext, "fail" | "hush">): [boolean, (act: () => unknown) => void] {
  const [busy, setBusy] = useState(false);
  const run = (act: () => unknown): void => {
    if (busy) return;
    setBusy(true);
    context.hush();
    // Begun in the tap itself: a browser asks for Bluetooth and the camera only there.
    const doing = (async () => act())();
    doing.catch((error: unknown) => context.fail(error)).finally(() => setBusy(false));
  };
  return [busy, run];
}

interface FormProps {
  children: ComponentChildren;
  act: () => unknown;
  context: Pick<AppContext, "fail" | "hush">;
  submit: string;
  icon?: IconName;
  disabled?: boolean;
}

/** Fields, and one button at the end; the enter key does the same. */
export function Form({ children, act, context, submit, icon, disabled }: FormProps): VNode {
  const [busy, run] = useAct(context);
  return (
    <form
      class="stack wide"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (disabled !== true) run(act);
      }}
    >
      {children}
      <button
        type="submit"
        class={`button primary ${busy ? "busy" : ""}`}
        disabled={disabled === true}
        aria-disabled={busy}
        aria-busy={busy}
      >
        {busy ? <Icon name="wait" spins /> : icon !== undefined && <Icon name={icon} />}
        {submit}
      </button>
    </form>
  );
}

interface FieldProps {
  label: string;
  value: string;
  change: (value: string) => void;
  hint?: string;
  error?: string | undefined;
  type?: "text" | "password" | "datetime-local" | "time" | "number" | "search";
  rows?: number;
  autocomplete?: string;
  inputMode?: "text" | "numeric" | "decimal";
  max?: number;
  isCode?: boolean;
}

export function Field(props: FieldProps): VNode {
  const { label, value, change, hint, error, type = "text", rows, max } = props;
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const isCode = props.isCode === true;
  const shared = {
    ...{ id, value, autocomplete: props.autocomplete ?? "off", class: isCode ? "mono" : "" },
    ...(about === "" ? {} : { "aria-describedby": about }),
    ...(error === undefined ? {} : { "aria-invalid": true }),
    ...(max === undefined ? {} : { maxLength: max }),
    ...(isCode ? ({ spellcheck: false, autocapitalize: "none", autocorrect: "off" } as const) : {}),
  } as const;
  // Preact's types take one kind of input at a time.
  const kind = { type } as { type: "text" };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined ? (
        <input
          {...shared}
          {...kind}
          inputMode={props.inputMode ?? "text"}
          onInput={(event) => change(event.currentTarget.value)}
        />
      ) : (
        <textarea {...shared} rows={rows} onInput={(event) => change(event.currentTarget.value)} />
      )}
      {hint !== undefined && (
        <p class="soft small" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  change: (value: Value) => void;
  options: readonly (readonly [Value, string])[];
  hint?: string;
}

export function Select<Value extends string>(props: SelectProps<Value>): VNode {
  const { label, value, change, options, hint } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => change(event.currentTarget.value as Value)}
      >
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
      {hint !== undefined && (
        <p class="soft small" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function Check(props: { label: string; checked: boolean; change: (checked: boolean) => void }): VNode {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.change(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

export function Note({
  tone = "",
  children,
}: {
  tone?: "" | "good" | "warn" | "bad";
  children: ComponentChildren;
}) {
  return <div class={`note ${tone}`}>{children}</div>;
}

export function Chip({
  tone = "",
  children,
}: {
  tone?: "" | "good" | "warn" | "bad";
  children: ComponentChildren;
}) {
  return <span class={`chip ${tone}`}>{children}</span>;
}

export function Sentences({ lines }: { lines: readonly string[] }): VNode {
  return (
    <ul class="sentences">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

/** A line of a list that leads elsewhere. */
export function Row({
  to,
  icon,
  title,
  detail,
}: {
  to: string;
  icon?: IconName;
  title: string;
  detail?: string;
}) {
  return (
    <a class="row" href={`#${to}`}>
      {icon !== undefined && <Icon name={icon} />}
      <span class="grow">
        {title}
        {detail !== undefined && <span class="soft small detail"> {detail}</span>}
      </span>
      <Icon name="next" />
    </a>
  );
}

/** Bytes in a QR code of version 40 with the least correction. */
const MOST_QR_CHARS = 2_953;

/** As a drawing: no picture leaves the page. Nothing for what is too long. */
export function QrCode({ text, label }: { text: string; label: string }): VNode | null {
  if (text.length > MOST_QR_CHARS) return null;
  const rows = encodeQR(text, "raw", { ecc: "low", border: 2 });
  const path = rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return (
    <figure class="qr">
      <svg viewBox={`0 0 ${rows.length} ${rows.length}`} role="img" aria-label={label}>
        <path d={path} />
      </svg>
    </figure>
  );
}

const COPY: Texts<{ copy: string; copied: string; refused: string }> = {
  en: {
    copy: "Copy",
    copied: "Copied.",
    refused: "The browser does not let the app copy: mark and copy it by hand.",
  },
  fr: {
    copy: "Copier",
    copied: "Copié.",
    refused: "Le navigateur ne laisse pas l’app copier : sélectionnez et copiez à la main.",
  },
};

export function CopyButton({ text, context }: { text: string; context: AppContext }): VNode {
  const words = COPY[context.language];
  const copy = async (): Promise<void> => {
    const done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    context.say(done ? words.copied : words.refused, done ? "good" : "bad");
  };
  return (
    <Button context={context} act={copy} icon="copy">
      {words.copy}
    </Button>
  );
}

interface ConfirmProps {
  context: AppContext;
  /** On the button that begins. */
  label: string;
  /** What is about to happen, and whether it can be undone. */
  question: string;
  /** On the button that does it. */
  yes: string;
  act: () => unknown;
  icon?: IconName;
  /** Of what takes something away, unless told otherwise. */
  look?: "primary" | "danger";
}

const CANCEL: Record<Language, string> = { en: "Cancel", fr: "Annuler" };

/** A button that asks first, in place. */
export function Confirm({ context, label, question, yes, act, icon, look = "danger" }: ConfirmProps): VNode {
  const [asks, setAsks] = useState(false);
  if (!asks) {
    return (
      <Button context={context} look={look} act={() => setAsks(true)} {...(icon && { icon })}>
        {label}
      </Button>
    );
  }
  const done = async (): Promise<void> => {
    await act();
    setAsks(false);
  };
  return (
    <div class="note warn stack" role="group" aria-label={label}>
      <p>{question}</p>
      <div class="buttons">
        <Button context={context} act={() => setAsks(false)}>
          {CANCEL[context.language]}
        </Button>
        <Button context={context} look={look} act={done}>
          {yes}
        </Button>
      </div>
    </div>
  );
}
