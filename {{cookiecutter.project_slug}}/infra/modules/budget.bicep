// A warning before a month gets dear. It stops nothing.

@minLength(1)
@maxLength(63)
param name string

@description('What a month may cost, in the currency of the subscription.')
param amount int

@description('First day, a first of a month.')
param start string

@description('E-mail addresses that are warned, beside the owners of the resource group.')
param contacts string[]

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: start
    }
    notifications: {
      spent: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: contacts
        contactRoles: [
          'Owner'
        ]
      }
      expected: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: contacts
        contactRoles: [
          'Owner'
        ]
      }
    }
  }
}
