/** What a backend of yours would answer, to a call with the access token. */
export const ARRIVALS = [
  { ship: 'Northern Light', from: 'Bergen', berth: 'A2', due: '07:40' },
  { ship: 'Santa Clara', from: 'Vigo', berth: 'C1', due: '09:15' },
  { ship: 'Marie Curie', from: 'Le Havre', berth: 'B4', due: '11:05' },
  { ship: 'Kestrel', from: 'Hull', berth: 'A1', due: '12:30' },
];
