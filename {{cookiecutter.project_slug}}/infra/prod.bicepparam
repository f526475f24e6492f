// Values for prod. What project.yml says is read from there; everything else has a default in main.bicep.
using 'main.bicep'

var facts = loadYamlContent('../project.yml')

param slug = facts.project.slug
param env = 'prod'
param location = facts.environments.prod.region
param owner = facts.people.owner
param workspaceName = facts.environments.prod.workspace

param clusterNodes = 4
param logDays = 90
param monthlyBudget = 300

// The month of the first deployment, and then never changed: Azure refuses a new budget that begins in a month that is
// over, and another beginning for a budget that is there. Here is the month in which the project was generated.
param budgetStart = '{{ cookiecutter.__month }}-01T00:00:00Z'
