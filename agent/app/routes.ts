/** Every screen of the app, loaded when it is first shown, and what runs whatever screen is shown. */
import type { AppRoute, Service } from "./app-context.ts";

const DOORS: readonly AppRoute[] = [
  {
    path: "/locks",
    title: { en: "My devices", fr: "Mes appareils" },
    tab: { order: 1, icon: "lock", label: { en: "Devices", fr: "Appareils" } },
    load: async () => (await import("./screens/locks.tsx")).LocksScreen,
  },
  {
    path: "/locks/pair",
    title: { en: "Add a lock", fr: "Ajouter une serrure" },
    back: "/locks",
    load: async () => (await import("./screens/pair.tsx")).PairScreen,
  },
  {
    path: "/locks/:id",
    title: { en: "Lock", fr: "Serrure" },
    back: "/locks",
    load: async () => (await import("./screens/lock-page.tsx")).LockScreen,
  },
  {
    path: "/locks/:id/log",
    title: { en: "Log of the lock", fr: "Journal de la serrure" },
    back: "/locks/:id",
    load: async () => (await import("./screens/lock-log.tsx")).LogScreen,
  },
  {
    path: "/locks/:id/owners",
    title: { en: "Owners", fr: "Propriétaires" },
    back: "/locks/:id",
    load: async () => (await import("./screens/owners.tsx")).OwnersScreen,
  },
  {
    path: "/locks/:id/let",
    title: { en: "Let", fr: "Louer" },
    back: "/locks/:id",
    load: async () => (await import("./screens/let.tsx")).LetScreen,
  },
  {
    path: "/keys",
    title: { en: "Guest keys", fr: "Clés d’invités" },
    tab: { order: 2, icon: "key", label: { en: "Keys", fr: "Clés" } },
    load: async () => (await import("./screens/keys.tsx")).KeysScreen,
  },
  {
    path: "/keys/make",
    title: { en: "New guest key", fr: "Nouvelle clé d’invité" },
    back: "/keys",
    load: async () => (await import("./screens/key-make.tsx")).MakeKeyScreen,
  },
  {
    path: "/keys/take",
    title: { en: "Take a key", fr: "Prendre une clé" },
    back: "/keys",
    load: async () => (await import("./screens/key-take.tsx")).TakeKeyScreen,
  },
  {
    path: "/keys/:id",
    title: { en: "Guest key", fr: "Clé d’invité" },
    back: "/keys",
    load: async () => (await import("./screens/key-page.tsx")).KeyScreen,
  },
];

const SETTINGS: readonly AppRoute[] = [
  {
    path: "/settings",
    title: { en: "Settings", fr: "Réglages" },
    tab: { order: 9, icon: "settings", label: { en: "Settings", fr: "Réglages" } },
    load: async () => (await import("./screens/settings.tsx")).SettingsScreen,
  },
  {
    path: "/settings/unlocking",
    title: { en: "Unlocking", fr: "Déverrouillage" },
    back: "/settings",
    load: async () => (await import("./screens/unlocking.tsx")).UnlockingScreen,
  },
  {
    path: "/settings/network",
    title: { en: "Network", fr: "Réseau" },
    back: "/settings",
    load: async () => (await import("./screens/network.tsx")).NetworkScreen,
  },
];

const MONEY: readonly AppRoute[] = [
  {
    path: "/wallet",
    title: { en: "Wallet", fr: "Portefeuille" },
    tab: { order: 3, icon: "wallet", label: { en: "Wallet", fr: "Argent" } },
    load: async () => (await import("./screens/wallet.tsx")).WalletScreen,
  },
  {
    path: "/wallet/send",
    title: { en: "Pay", fr: "Payer" },
    back: "/wallet",
    load: async () => (await import("./screens/wallet-send.tsx")).SendScreen,
  },
  {
    path: "/wallet/request",
    title: { en: "Ask for money", fr: "Demander de l’argent" },
    back: "/wallet",
    load: async () => (await import("./screens/wallet-request.tsx")).RequestScreen,
  },
  {
    path: "/wallet/receipts/:id",
    title: { en: "Receipt", fr: "Reçu" },
    back: "/wallet",
    load: async () => (await import("./screens/wallet-receipt.tsx")).ReceiptScreen,
  },
  {
    path: "/contracts",
    title: { en: "Contracts", fr: "Contrats" },
    tab: { order: 4, icon: "contract", label: { en: "Contracts", fr: "Contrats" } },
    load: async () => (await import("./screens/contracts.tsx")).ContractsScreen,
  },
  {
    path: "/contracts/:id",
    title: { en: "Contract", fr: "Contrat" },
    back: "/contracts",
    load: async () => (await import("./screens/contracts-page.tsx")).ContractScreen,
  },
  {
    path: "/contracts/:id/track",
    title: { en: "On its way", fr: "En route" },
    back: "/contracts/:id",
    load: async () => (await import("./screens/delivery.tsx")).DeliveryScreen,
  },
];

export const ROUTES: readonly AppRoute[] = [...DOORS, ...MONEY, ...SETTINGS];

/** Such as the wallet's and the negotiator's. */
export const SERVICES: readonly Service[] = [
  {
    load: async () => {
      const { moneyOf } = await import("./money/service.ts");
      return (runtime) => void moneyOf(runtime);
    },
  },
];
